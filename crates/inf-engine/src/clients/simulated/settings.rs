//! Everything that can be said about a simulated provider.

use serde::{Deserialize, Serialize};

use super::{Answer, Faults, InvalidSetting, Latency, Quota, TokenQuota};

/// The `simulated:` section of a resources file.
///
/// The defaults answer at once, never refuse and never fail; the answer is a
/// readable excerpt of the prompt.
///
/// ```yaml
/// simulated:
///   seed: 7
///   answer: echo
///   latency: { median_ms: 120, spread: 0.4, per_output_token_ms: 2 }
///   quota: { requests_per_second: 50, burst: 10, hint: true }
///   token_quota: { tokens_per_minute: 90000 }
///   capacity: 32
///   faults: { error_ratio: 0.01, disconnect_ratio: 0.01 }
/// ```
///
/// ```
/// use inf_engine::clients::simulated::{Answer, Faults, SimulatedSettings};
///
/// let settings = SimulatedSettings::default()
///     .with_seed(7)
///     .with_answer(Answer::Echo)
///     .with_faults(Faults { error_ratio: 0.01, ..Faults::default() });
/// assert!(settings.validate().is_ok());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SimulatedSettings {
    /// Everything that is drawn is drawn from this; by default 0.
    pub seed: u64,
    /// What is answered; by default an excerpt of the prompt.
    pub answer: Answer,
    /// How long an answer takes; by default no time at all.
    pub latency: Latency,
    /// How many calls are accepted; by default all of them.
    pub quota: Option<Quota>,
    /// How many tokens are worked on; by default any number.
    pub token_quota: Option<TokenQuota>,
    /// How many calls are worked on at once; by default all of them. Calls that
    /// are more wait in line and are never refused: the more there are, the
    /// longer they take, as with a server of one's own.
    pub capacity: Option<u32>,
    /// How often a call fails; by default never.
    pub faults: Faults,
}

impl SimulatedSettings {
    /// Sets what everything that is drawn is drawn from.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets what is answered: an [`Answer`], or a [`Script`](super::Script).
    #[must_use]
    pub fn with_answer(mut self, answer: impl Into<Answer>) -> Self {
        self.answer = answer.into();
        self
    }

    /// Sets how long an answer takes.
    #[must_use]
    pub fn with_latency(mut self, latency: Latency) -> Self {
        self.latency = latency;
        self
    }

    /// Sets how many calls are accepted.
    #[must_use]
    pub fn with_quota(mut self, quota: Quota) -> Self {
        self.quota = Some(quota);
        self
    }

    /// Sets how many tokens are worked on.
    #[must_use]
    pub fn with_token_quota(mut self, token_quota: TokenQuota) -> Self {
        self.token_quota = Some(token_quota);
        self
    }

    /// Sets how many calls are worked on at once.
    #[must_use]
    pub fn with_capacity(mut self, capacity: u32) -> Self {
        self.capacity = Some(capacity);
        self
    }

    /// Sets how often a call fails.
    #[must_use]
    pub fn with_faults(mut self, faults: Faults) -> Self {
        self.faults = faults;
        self
    }

    /// Whether a client can be made of these settings.
    ///
    /// # Errors
    ///
    /// The first setting that is out of its range, by its key.
    pub fn validate(&self) -> Result<(), InvalidSetting> {
        self.answer.validate()?;
        self.latency
            .validate()
            .map_err(|invalid| invalid.within("latency"))?;
        if let Some(quota) = &self.quota {
            quota
                .validate()
                .map_err(|invalid| invalid.within("quota"))?;
        }
        if let Some(quota) = &self.token_quota {
            quota
                .validate()
                .map_err(|invalid| invalid.within("token_quota"))?;
        }
        if self.capacity == Some(0) {
            return Err(InvalidSetting::new(
                "capacity",
                "must be at least 1: with 0 no call is ever worked on",
            ));
        }
        self.faults
            .validate()
            .map_err(|invalid| invalid.within("faults"))?;
        // Each ratio is fine by itself here: the section as a whole is not.
        let failing = self.faults.sum();
        if failing > 1.0 {
            return Err(InvalidSetting::new(
                "faults",
                format!("must not add up to more than 1, but its ratios add up to {failing}"),
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ScriptRule, ScriptedCall};
    use super::*;

    fn read(yaml: &str) -> Result<SimulatedSettings, String> {
        serde_saphyr::from_str(yaml).map_err(|error| error.to_string())
    }

    fn check(yaml: &str, expected: &SimulatedSettings) {
        let settings = read(yaml).expect("readable");
        assert_eq!(&settings, expected, "{yaml}");
        let written = serde_saphyr::to_string(&settings).expect("writable");
        assert_eq!(&read(&written).expect("readable"), expected, "{written}");
    }

    fn check_invalid(yaml: &str, sentence: &str) {
        let invalid = read(yaml)
            .expect("readable")
            .validate()
            .expect_err("invalid");
        assert_eq!(invalid.to_string(), sentence);
    }

    #[test]
    fn every_form_of_the_section_is_read_and_written_back() {
        let default = SimulatedSettings::default();
        check("{}", &default);
        check("seed: 7", &SimulatedSettings { seed: 7, ..default });
        let answering = |answer| SimulatedSettings {
            answer,
            ..SimulatedSettings::default()
        };
        check("answer: echo", &answering(Answer::Echo));
        check("answer: hash", &answering(Answer::Hash));
        check(
            r#"answer: { template: "Facts: {excerpt}" }"#,
            &answering(Answer::Template("Facts: {excerpt}".into())),
        );
        let mut script = super::super::Script {
            rules: vec![
                ScriptRule::containing("weather", "Sunny."),
                ScriptRule::equal_to("2 + 2", "4"),
                ScriptRule::calling(
                    "time",
                    vec![ScriptedCall {
                        name: "now".into(),
                        arguments: serde_json::json!({"zone": "UTC"}),
                    }],
                ),
                ScriptRule {
                    result_contains: Some("12:00".into()),
                    answer: Some("Noon.".into()),
                    ..ScriptRule::default()
                },
                ScriptRule {
                    refusal: true,
                    ..ScriptRule::containing("secret", "No.")
                },
            ],
            otherwise: Some("I do not know.".into()),
        };
        script.rules[1].system_contains = Some("calculator".into());
        check(
            r#"
answer:
  script:
    rules:
      - { contains: "weather", answer: "Sunny." }
      - { equals: "2 + 2", system_contains: calculator, answer: "4" }
      - { contains: time, tool_calls: [{ name: now, arguments: { zone: UTC } }] }
      - { result_contains: "12:00", answer: "Noon." }
      - { contains: secret, answer: "No.", refusal: true }
    otherwise: "I do not know."
"#,
            &answering(Answer::Script(script)),
        );
        check(
            "
latency: { median_ms: 120, spread: 0.4, per_output_token_ms: 2 }
quota: { requests_per_second: 50, burst: 10, hint: true }
token_quota: { tokens_per_minute: 90000, burst: 1000, hint: false }
capacity: 32
faults: { error_ratio: 0.01, disconnect_ratio: 0.01, rate_limited_ratio: 0 }
",
            &SimulatedSettings {
                latency: Latency {
                    median_ms: 120.0,
                    spread: 0.4,
                    per_output_token_ms: 2.0,
                },
                quota: Some(Quota {
                    requests_per_second: 50.0,
                    burst: 10,
                    hint: true,
                }),
                token_quota: Some(TokenQuota {
                    tokens_per_minute: 90_000.0,
                    burst: Some(1000),
                    hint: false,
                }),
                capacity: Some(32),
                faults: Faults {
                    error_ratio: 0.01,
                    disconnect_ratio: 0.01,
                    rate_limited_ratio: 0.0,
                },
                ..SimulatedSettings::default()
            },
        );
    }

    #[test]
    fn an_unknown_key_is_an_error_that_names_it() {
        for (yaml, key) in [
            ("sead: 7", "sead"),
            ("latency: { median: 5 }", "median"),
            ("quota: { per_second: 5 }", "per_second"),
            ("faults: { errors: 5 }", "errors"),
            ("answer: repeat", "repeat"),
            ("answer: { script: { rule: [] } }", "rule"),
            (
                "answer: { script: { rules: [{ has: a, answer: b }] } }",
                "has",
            ),
        ] {
            let error = read(yaml).expect_err("unreadable");
            assert!(error.contains(key), "{error}");
        }
    }

    #[test]
    fn a_setting_out_of_range_is_named_with_its_path() {
        check_invalid(
            "faults: { error_ratio: 2 }",
            "`faults.error_ratio` must be between 0 and 1, not 2",
        );
        check_invalid(
            "faults: { error_ratio: 0.6, disconnect_ratio: 0.6 }",
            "`faults` must not add up to more than 1, but its ratios add up to 1.2",
        );
        check_invalid(
            "latency: { median_ms: -1 }",
            "`latency.median_ms` must be between 0 and 86400000 (one day), not -1",
        );
        check_invalid(
            "latency: { spread: .nan }",
            "`latency.spread` must be between 0 and 5, not NaN",
        );
        check_invalid(
            "quota: { requests_per_second: 0 }",
            "`quota.requests_per_second` must be between 0.000001 and 1000000, not 0",
        );
        check_invalid(
            "quota: { burst: 0 }",
            "`quota.burst` must be at least 1: with 0 no call is ever accepted",
        );
        check_invalid(
            "token_quota: { tokens_per_minute: 0 }",
            "`token_quota.tokens_per_minute` must be between 1 and 1000000000000, not 0",
        );
        check_invalid(
            "capacity: 0",
            "`capacity` must be at least 1: with 0 no call is ever worked on",
        );
        check_invalid(
            r#"answer: { template: "{promt}" }"#,
            "`answer.template` has the unknown placeholder `{promt}`; \
             known are {prompt}, {system}, {excerpt}, {model}, {hash}",
        );
        check_invalid(
            "answer: { script: { rules: [{ contains: a, answer: b }, { answer: c }] } }",
            "`answer.script.rules[1]` has no condition: give it `contains`, `equals`, \
             `system_contains` or `result_contains`, or move its answer to `otherwise`",
        );
        check_invalid(
            "answer: { script: { rules: [{ contains: a }] } }",
            "`answer.script.rules[0]` says nothing: give it an `answer` or `tool_calls`",
        );
        check_invalid(
            "answer: { script: { rules: [{ contains: a, refusal: true, tool_calls: [{ name: b, arguments: {} }] }] } }",
            "`answer.script.rules[0]` refuses: give it an `answer` that says why, and no `tool_calls`",
        );
    }
}
