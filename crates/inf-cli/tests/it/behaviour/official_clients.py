"""The providers' own clients against `inf simulate`: what they can't read, we write wrongly.

The server has the settings of `official_clients.rs`; its address is the argument.
"""

import sys

import anthropic
import ollama
import openai

ROOT = sys.argv[1]
SCHEMA = {
    "type": "object",
    "properties": {"n": {"type": "integer"}},
    "required": ["n"],
    "additionalProperties": False,
}
LOOK = {"role": "user", "content": "Look: it rains"}
RESULT = "7 cats"


def expect(got, wanted):
    assert got == wanted, f"got {got!r} instead of {wanted!r}"


def chat_completions():
    client = openai.OpenAI(base_url=f"{ROOT}/v1", api_key="none", max_retries=0)
    function = {"name": "look", "parameters": SCHEMA, "strict": True}
    asked = {
        "model": "checked",
        "messages": [LOOK],
        "tools": [{"type": "function", "function": function}],
        "reasoning_effort": "low",
    }
    whole = client.chat.completions.create(**asked)
    with client.chat.completions.stream(
        **asked, stream_options={"include_usage": True}
    ) as stream:
        for _ in stream:
            pass
        streamed = stream.get_final_completion()
    for answer in (whole, streamed):
        choice = answer.choices[0]
        expect(choice.finish_reason, "tool_calls")
        expect(choice.message.content, "I look.")
        (call,) = choice.message.tool_calls
        expect((call.function.name, call.function.arguments), ("look", '{"n":7}'))
        expect(answer.usage, whole.usage)
    assert whole.usage.completion_tokens_details.reasoning_tokens > 0
    call = {
        "id": call.id,
        "type": "function",
        "function": {"name": "look", "arguments": call.function.arguments},
    }
    said = {"role": "assistant", "content": "I look.", "tool_calls": [call]}
    result = {"role": "tool", "tool_call_id": call["id"], "content": RESULT}
    after = client.chat.completions.create(
        model="checked", messages=[LOOK, said, result]
    )
    assert RESULT in after.choices[0].message.content
    try:
        client.chat.completions.create(model="unheard-of", messages=[LOOK])
        raise AssertionError("an unknown model answered")
    except openai.NotFoundError as error:
        expect(error.code, "model_not_found")


def responses():
    client = openai.OpenAI(base_url=f"{ROOT}/v1", api_key="none", max_retries=0)
    asked = {
        "model": "checked",
        "input": [LOOK],
        "tools": [{"type": "function", "name": "look", "parameters": SCHEMA, "strict": True}],
        "reasoning": {"effort": "low", "summary": "auto"},
        "include": ["reasoning.encrypted_content"],
    }
    whole = client.responses.create(**asked)
    with client.responses.stream(**asked) as stream:
        kinds = {event.type for event in stream}
        streamed = stream.get_final_response()
    for kind in ("output_text", "function_call_arguments", "reasoning_summary_text"):
        assert f"response.{kind}.delta" in kinds, kinds
    for answer in (whole, streamed):
        kinds = [item.type for item in answer.output]
        expect(kinds, ["reasoning", "message", "function_call"])
        expect(answer.output_text, "I look.")
        expect(answer.output[2].arguments, '{"n":7}')
        expect(answer.usage, whole.usage)
    items = [item.model_dump(exclude_none=True) for item in streamed.output]
    result = {
        "type": "function_call_output",
        "call_id": streamed.output[2].call_id,
        "output": RESULT,
    }
    after = client.responses.create(model="checked", input=[LOOK, *items, result])
    assert RESULT in after.output_text
    cut = client.responses.create(
        model="checked", input="one two three four five six seven", max_output_tokens=2
    )
    expect((cut.status, cut.incomplete_details.reason), ("incomplete", "max_output_tokens"))


def messages():
    client = anthropic.Anthropic(base_url=ROOT, api_key="none", max_retries=0)
    asked = {
        "model": "checked",
        "max_tokens": 2000,
        "messages": [LOOK],
        "tools": [{"name": "look", "input_schema": SCHEMA}],
        "thinking": {"type": "enabled", "budget_tokens": 1024},
    }
    whole = client.messages.create(**asked)
    with client.messages.stream(**asked) as stream:
        for _ in stream:
            pass
        streamed = stream.get_final_message()
    for answer in (whole, streamed):
        expect(answer.stop_reason, "tool_use")
        expect([block.type for block in answer.content], ["thinking", "text", "tool_use"])
        expect(answer.content[0].signature, whole.content[0].signature)
        expect(answer.content[1].text, "I look.")
        expect(answer.content[2].input, {"n": 7})
        expect(answer.usage.output_tokens, whole.usage.output_tokens)
    said = [block.model_dump(exclude_none=True) for block in streamed.content]
    result = {
        "type": "tool_result",
        "tool_use_id": streamed.content[2].id,
        "content": RESULT,
    }
    turns = [
        LOOK,
        {"role": "assistant", "content": said},
        {"role": "user", "content": [result]},
    ]
    after = client.messages.create(**{**asked, "messages": turns})
    assert RESULT in after.content[-1].text
    try:
        client.messages.create(**{**asked, "messages": [{"role": "system", "content": "Hi"}]})
        raise AssertionError("a system message among the others was taken")
    except anthropic.BadRequestError as error:
        expect(error.body["error"]["type"], "invalid_request_error")


def ollama_chat():
    client = ollama.Client(host=ROOT)
    asked = {
        "model": "checked",
        "messages": [LOOK],
        "tools": [{"type": "function", "function": {"name": "look", "parameters": SCHEMA}}],
        "think": True,
    }
    whole = client.chat(**asked)
    expect(whole.message.tool_calls[0].function.arguments, {"n": 7})
    assert whole.message.thinking and whole.done and whole.eval_count
    pieces = list(client.chat(**asked, stream=True))
    expect("".join(piece.message.content or "" for piece in pieces), "I look.")
    expect("".join(piece.message.thinking or "" for piece in pieces), whole.message.thinking)
    expect(pieces[-1].eval_count, whole.eval_count)
    try:
        client.chat(model="unheard-of", messages=[LOOK])
        raise AssertionError("an unknown model answered")
    except ollama.ResponseError as error:
        expect(error.status_code, 404)


for check in (chat_completions, responses, messages, ollama_chat):
    check()
    print(f"{check.__name__}: ok")
