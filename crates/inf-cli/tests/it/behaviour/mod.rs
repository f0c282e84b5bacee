//! What every provider's client does alike.
//!
//! Small checks, each written once and run against every client over real HTTP
//! on loopback: against `inf simulate`, and, if `INF_TEST_SERVERS` says where
//! they are, against servers that we did not write ([`independent`]). What a
//! format can't carry is in [`provider`]; a check of it then expects a clear
//! refusal instead.

mod answers;
mod cancellation;
mod failures;
mod independent;
mod limits;
mod official_clients;
mod provider;
mod requests;
mod streaming;
mod subject;
mod tools;
mod typed;

use provider::Provider;
use subject::{Origin, Subject};

/// A test of each check, for one subject.
macro_rules! tests {
    ($module:ident, $subject:expr; $($group:ident::$check:ident,)*) => {
        mod $module {
            use super::*;

            $(
                #[tokio::test]
                async fn $check() {
                    $group::$check(&$subject).await;
                }
            )*
        }
    };
}

/// Hands all checks to another macro.
macro_rules! with_all_checks {
    ($then:ident! { $($before:tt)* }) => {
        $then! {
            $($before)*
            answers::a_plain_answer,
            answers::the_system_prompt_arrives,
            answers::a_conversation_of_several_turns,
            answers::a_stop_text_ends_the_answer,
            answers::a_bound_cuts_the_answer,
            answers::sampling_settings_are_accepted,
            answers::a_picture_in_the_request,
            answers::a_picture_at_an_address,
            answers::thoughts_and_what_they_cost,
            answers::a_refusal_is_told_as_one,
            typed::an_answer_fits_its_schema,
            typed::an_answer_fits_its_schema_by_way_of_a_tool,
            tools::a_tool_is_called_and_its_result_comes_back,
            tools::several_calls_of_one_turn,
            tools::a_tool_that_failed,
            tools::a_tool_is_required,
            tools::no_tool_is_wanted,
            tools::thoughts_before_a_call_go_back_unchanged,
            streaming::a_stream_answers_what_send_answers,
            streaming::a_stream_tells_tool_calls,
            streaming::a_stream_tells_thoughts,
            streaming::pieces_come_while_the_model_writes,
            limits::a_refusal_says_how_long_to_wait,
            limits::a_refusal_without_a_hint,
            limits::answers_tell_what_is_left,
            failures::a_failing_server_may_be_asked_again,
            failures::an_unknown_model_is_a_mistake,
            failures::a_bad_request_is_a_mistake,
            failures::a_cut_connection_may_be_tried_again,
            failures::a_cut_stream_is_no_answer,
            failures::a_stream_that_breaks_off_is_no_answer,
            failures::a_garbled_answer_is_no_answer,
            failures::too_long_a_request_is_a_mistake,
            cancellation::who_gives_up_hangs_up,
        }
    };
}
use with_all_checks;

macro_rules! behaviour {
    ($($module:ident: $subject:expr;)*) => {
        $( with_all_checks!(tests! { $module, $subject; }); )*
    };
}

behaviour! {
    openai: Subject::new(Provider::OpenAi, Origin::Simulated);
    openai_responses: Subject::new(Provider::OpenAiResponses, Origin::Simulated);
    anthropic: Subject::new(Provider::Anthropic, Origin::Simulated);
    ollama: Subject::new(Provider::Ollama, Origin::Simulated);
    simulated: Subject::new(Provider::Simulated, Origin::Simulated);
}
