//! The simulated provider as a client: streams, tools, reasoning, quotas and
//! queues, on a paused clock.

use std::sync::Arc;
use std::time::Duration;

use inf_engine::clients::simulated::{
    Answer, Latency, Quota, Script, ScriptRule, ScriptedCall, SimulatedClient, SimulatedSettings,
    TokenQuota,
};
use inf_engine::clients::{
    Allowance, ClientErrorKind, Delta, FinishReason, LlmClient, LlmRequest, OutputSchema, Retry,
};
use inf_engine::conversation::{
    Message, Part, ReasoningEffort, Role, ToolChoice, ToolResult, ToolSpec,
};
use serde_json::{Value as Json, json};
use tokio::time::Instant;

fn client(settings: SimulatedSettings) -> Arc<SimulatedClient> {
    Arc::new(SimulatedClient::new("tiny", settings).expect("valid settings"))
}

fn answering(answer: Answer) -> Arc<SimulatedClient> {
    client(SimulatedSettings {
        answer,
        ..SimulatedSettings::default()
    })
}

fn slow(median_ms: f64, per_output_token_ms: f64) -> SimulatedSettings {
    SimulatedSettings {
        answer: Answer::Echo,
        latency: Latency {
            median_ms,
            spread: 0.0,
            per_output_token_ms,
        },
        ..SimulatedSettings::default()
    }
}

fn weather() -> LlmRequest {
    let parameters = json!({
        "type": "object",
        "properties": { "city": { "type": "string" } },
        "required": ["city"],
    });
    let mut request = LlmRequest::from_prompt("How is the weather in Paris?");
    request.tools = vec![Arc::new(ToolSpec {
        name: "get_weather".into(),
        description: "The weather of a city.".into(),
        parameters,
    })];
    request
}

fn with_result(mut request: LlmRequest, content: &str, is_error: bool) -> LlmRequest {
    let result = ToolResult {
        call_id: "1".into(),
        name: "get_weather".into(),
        content: content.into(),
        is_error,
    };
    let message = Message::from_parts(Role::Tool, [Part::ToolResult(result)]);
    request.messages.push(message);
    request
}

#[tokio::test(start_paused = true)]
async fn a_stream_tells_word_by_word_what_send_answers_at_once() {
    let client = client(slow(100.0, 10.0));
    let mut request = LlmRequest::from_prompt("one two three four");
    request.reasoning_effort = Some(ReasoningEffort::Minimal);
    let start = Instant::now();
    let (mut text, mut thoughts, mut times) = (String::new(), String::new(), Vec::new());
    let mut sink = |delta: Delta<'_>| {
        times.push(start.elapsed());
        match delta {
            Delta::Text(more) => text.push_str(more),
            Delta::Reasoning(more) => thoughts.push_str(more),
            _ => unreachable!("no other kind"),
        }
    };
    let mut streamed = client.stream(&request, &mut sink).await.expect("an answer");
    let took = start.elapsed();
    assert_eq!(text, "one two three four");
    assert_eq!(thoughts, "This is about: one two three four");
    assert_eq!(times.len(), 4 + 7);
    assert_eq!(times[0], Duration::from_millis(100));
    assert!(times.is_sorted() && times[10] > times[0], "{times:?}");
    assert_eq!(took, streamed.timings.total);
    assert_eq!(
        streamed.timings.first_token.take(),
        Some(Duration::from_millis(100))
    );
    assert_eq!(streamed, client.send(&request).await.expect("an answer"));
    assert_eq!(
        (
            streamed.usage.output_tokens,
            streamed.usage.reasoning_tokens
        ),
        (5 + 9, 9)
    );
    assert_eq!(took, Duration::from_millis(100 + 14 * 10));
}

#[tokio::test]
async fn a_tool_that_is_required_is_called_by_its_schema() {
    let client = answering(Answer::default());
    for choice in [ToolChoice::Required, ToolChoice::Tool("get_weather".into())] {
        let mut request = weather();
        request.tool_choice = choice;
        let response = client.send(&request).await.expect("an answer");
        assert_eq!(response.finish_reason, FinishReason::ToolCalls);
        assert_eq!(response.text, "");
        let [call] = &*response.tool_calls else {
            panic!("{response:?}")
        };
        assert_eq!(call.name, "get_weather");
        assert!(call.id.starts_with("call_"), "{}", call.id);
        let arguments: Json = serde_json::from_str(&call.arguments).expect("JSON");
        assert!(arguments["city"].is_string(), "{arguments}");
        assert!(response.usage.output_tokens > 0);
        assert_eq!(response, client.send(&request).await.expect("an answer"));

        let request = with_result(request, "21 °C, sunny. Wind: 3", false);
        let response = client.send(&request).await.expect("an answer");
        assert_eq!(
            (response.text.as_str(), response.finish_reason),
            (
                "Simulated answer: get_weather gave 21 °C, sunny. Wind: 3",
                FinishReason::Stop
            )
        );
    }
    // Where there is another one, a call is still required.
    let mut more = weather();
    more.tool_choice = ToolChoice::Required;
    let mut other = (*more.tools[0]).clone();
    other.name = "get_time".to_owned();
    more.tools.push(other.into());
    let response = client.send(&with_result(more, "21 °C", false)).await;
    let calls = response.expect("an answer").tool_calls;
    assert_eq!(calls[0].name, "get_time");
    let free = client.send(&weather()).await.expect("an answer");
    assert_eq!(free.tool_calls, []);
    let failed = with_result(weather(), "no such city", true);
    let echo = answering(Answer::Echo);
    assert_eq!(
        echo.send(&failed).await.expect("an answer").text,
        "get_weather failed: no such city"
    );
}

#[tokio::test]
async fn a_tool_that_is_not_there_can_not_be_required() {
    let client = answering(Answer::default());
    let check = async |request: LlmRequest, expected: &str| {
        let error = client.send(&request).await.expect_err("a refusal");
        assert_eq!(
            (error.kind, error.retry, &*error.message),
            (ClientErrorKind::Refused, Retry::Never, expected)
        );
    };
    let request = |tools, tool_choice| {
        let mut request = weather();
        request.tools = tools;
        request.tool_choice = tool_choice;
        request
    };
    check(
        request(vec![], ToolChoice::Required),
        "a tool is required, and the request offers none",
    )
    .await;
    check(
        request(weather().tools, ToolChoice::Tool("look".into())),
        "the tool `look` is required, and the request does not offer it",
    )
    .await;
    let impossible = Arc::new(ToolSpec {
        name: "never".into(),
        description: String::new(),
        parameters: json!(false),
    });
    check(
        request(vec![impossible], ToolChoice::Required),
        "the simulated provider can't call the tool `never` by its schema: it allows nothing here",
    )
    .await;
}

#[tokio::test]
async fn a_script_calls_tools_and_goes_on_with_their_results() {
    let call = |city: &str| ScriptedCall {
        name: "get_weather".into(),
        arguments: json!({ "city": city }),
    };
    let broken = ScriptedCall {
        name: "get_weather".into(),
        arguments: json!("{\"city\": "),
    };
    let rules = vec![
        ScriptRule {
            result_contains: Some("cloudy".into()),
            ..ScriptRule::calling("weather", vec![call("Rome")])
        },
        ScriptRule {
            result_contains: Some("sunny".into()),
            answer: Some("Take a hat.".into()),
            ..ScriptRule::default()
        },
        ScriptRule::calling("weather", vec![call("Paris"), broken]),
        ScriptRule {
            refusal: true,
            ..ScriptRule::containing("secret", "I would rather not.")
        },
    ];
    let client = answering(Answer::Script(Script {
        rules,
        otherwise: None,
    }));
    let asked = async |request: LlmRequest| {
        let response = client.send(&request).await.expect("an answer");
        let calls = response.tool_calls.into_iter();
        let calls: Vec<_> = calls.map(|call| call.arguments).collect();
        (response.text, calls.join("|"), response.finish_reason)
    };
    let check = |got: (String, String, FinishReason), text, calls, reason| {
        assert_eq!(got, (String::from(text), String::from(calls), reason));
    };
    let first = asked(weather()).await;
    let both = r#"{"city":"Paris"}|{"city": "#;
    check(first, "", both, FinishReason::ToolCalls);
    let second = asked(with_result(weather(), "cloudy", false)).await;
    check(second, "", r#"{"city":"Rome"}"#, FinishReason::ToolCalls);
    let third = asked(with_result(weather(), "sunny", false)).await;
    check(third, "Take a hat.", "", FinishReason::Stop);
    let refused = asked(LlmRequest::from_prompt("a secret")).await;
    check(refused, "I would rather not.", "", FinishReason::Refusal);
}

#[tokio::test]
async fn a_schema_holds_after_tools_too() {
    let mut request = with_result(weather(), "sunny", false);
    request.output_schema = Some(Arc::new(OutputSchema {
        name: "Hats".into(),
        schema: json!({"type": "integer"}),
    }));
    let response = answering(Answer::Echo).send(&request).await;
    let text = response.expect("an answer").text;
    assert!(text.parse::<i64>().is_ok(), "{text}");
}

#[tokio::test(start_paused = true)]
async fn tokens_are_taken_on_arrival_and_settled_at_the_end() {
    let client = client(SimulatedSettings {
        token_quota: Some(TokenQuota {
            tokens_per_minute: 600.0,
            burst: Some(100),
            hint: true,
        }),
        ..slow(1000.0, 0.0)
    });
    // 10 tokens in; 10 out, although it might be 70.
    let mut request = LlmRequest::from_prompt("a".repeat(40));
    request.max_tokens = Some(70);
    let first = client.send(&request).await.expect("an answer");
    let left = |allowance: Allowance| (allowance.limit, allowance.remaining);
    let limits = first.rate_limits.expect("told");
    assert_eq!(left(limits.tokens), (Some(100), Some(20)));
    assert_eq!(limits.tokens.resets_in, Some(Duration::from_secs(8)));
    assert_eq!(limits.requests, Allowance::default());
    // A second brought 10 back, and the answer left 60 over: 90 are there.
    let second = tokio::spawn({
        let (client, request) = (Arc::clone(&client), request.clone());
        async move { client.send(&request).await }
    });
    tokio::task::yield_now().await;
    let refused = client.send(&request).await.expect_err("a refusal");
    let after = Some(Duration::from_secs(7));
    assert_eq!(refused.retry, Retry::RateLimited { after });
    assert_eq!(
        refused.message,
        "the simulated provider refused the call: more than 600 tokens per minute (429)"
    );
    let limits = refused.rate_limits.expect("told");
    assert_eq!(left(limits.tokens), (Some(100), Some(10)));
    second.await.expect("no panic").expect("an answer");
    client.send(&request).await.expect("80 came back early");

    let mut huge = request;
    huge.max_tokens = Some(1000);
    let refused = client.send(&huge).await.expect_err("a refusal");
    assert_eq!(refused.retry, Retry::Never);
    assert_eq!(
        refused.message,
        "the simulated provider can't take the call: it may use 1010 tokens, and its quota never \
         has more than 100; shorten the request or lower its `max_tokens`"
    );
    assert_eq!((client.rate_limited(), client.rejected()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn uneven_prompts_get_the_tokens_of_the_quota_and_no_more() {
    let client = client(SimulatedSettings {
        token_quota: Some(TokenQuota {
            tokens_per_minute: 60_000.0,
            burst: Some(2_000),
            hint: true,
        }),
        answer: Answer::Template("12345678".into()),
        ..SimulatedSettings::default()
    });
    let start = Instant::now();
    let mut used = 0;
    for number in 0.. {
        if start.elapsed() > Duration::from_mins(2) {
            break;
        }
        let length = [40, 4000, 400, 2400][number % 4];
        let request = LlmRequest::from_prompt("a".repeat(length));
        loop {
            match client.send(&request).await {
                Ok(response) => {
                    used += response.usage.input_tokens + response.usage.output_tokens;
                    break;
                }
                Err(error) => {
                    let Retry::RateLimited { after: Some(after) } = error.retry else {
                        panic!("{error:?}")
                    };
                    tokio::time::sleep(after).await;
                }
            }
        }
    }
    assert!((120_000..=123_100).contains(&used), "{used}");
}

#[tokio::test(start_paused = true)]
async fn a_request_that_lacks_tokens_takes_nothing_of_the_requests() {
    let settings = |hint| SimulatedSettings {
        quota: Some(Quota {
            requests_per_second: 1.0,
            burst: 3,
            hint,
        }),
        token_quota: Some(TokenQuota {
            tokens_per_minute: 60.0,
            burst: Some(30),
            hint,
        }),
        answer: Answer::Template(String::new()),
        ..SimulatedSettings::default()
    };
    let of_20_tokens = LlmRequest::from_prompt("a".repeat(80));
    let told = client(settings(true));
    told.send(&of_20_tokens).await.expect("an answer");
    let refused = told.send(&of_20_tokens).await.expect_err("a refusal");
    let limits = refused.rate_limits.expect("told");
    assert_eq!(limits.requests.remaining, Some(2));
    assert_eq!(limits.tokens.remaining, Some(10));
    let silent = client(settings(false));
    let response = silent.send(&of_20_tokens).await.expect("an answer");
    assert_eq!(response.rate_limits, None);
    let refused = silent.send(&of_20_tokens).await.expect_err("a refusal");
    assert_eq!(refused.rate_limits, None);
    assert_eq!(refused.retry, Retry::RateLimited { after: None });
}

#[tokio::test(start_paused = true)]
async fn a_full_server_makes_calls_wait_and_refuses_none() {
    let client = client(SimulatedSettings {
        capacity: Some(4),
        ..slow(1000.0, 0.0)
    });
    let start = Instant::now();
    let calls = (0..12).map(|number| {
        let client = Arc::clone(&client);
        tokio::spawn(async move {
            let request = LlmRequest::from_prompt(format!("number {number}"));
            let response = client.send(&request).await.expect("an answer");
            (response.timings.total, start.elapsed())
        })
    });
    let mut times = Vec::new();
    for call in calls.collect::<Vec<_>>() {
        let (planned, real) = call.await.expect("no panic");
        assert_eq!(planned, real);
        times.push(planned.as_secs());
    }
    assert_eq!(times, [1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3]);
    assert_eq!(client.rate_limited(), 0);
    let idle = client.send(&LlmRequest::from_prompt("late")).await;
    let timings = idle.expect("an answer").timings;
    assert_eq!(timings.total, Duration::from_secs(1));
}
