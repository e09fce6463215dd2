//! Bodies as real clients and servers send them.

use serde_json::{Value, json};

use super::*;

fn text(turns: &[Turn]) -> String {
    let piece = |piece: &Piece| match piece {
        Piece::Text(text) => text.clone(),
        Piece::Call { name, arguments } => {
            let tight = serde_json::from_str::<Value>(arguments).map(|v| v.to_string());
            format!("{name}({})", tight.unwrap_or_else(|_| arguments.clone()))
        }
        Piece::Result(text) => format!("-> {text}"),
        Piece::Note(text) => format!("[{text}]"),
    };
    let turn = |turn: &Turn| {
        let said: Vec<String> = turn.pieces.iter().map(piece).collect();
        format!("{}: {}", turn.name, said.join(" | "))
    };
    turns.iter().map(turn).collect::<Vec<_>>().join("\n")
}

fn asked(body: &Value) -> String {
    text(&request(&body.to_string()))
}

fn answered(body: &Value) -> String {
    text(&response(&body.to_string()))
}

/// A stream of events of these documents.
fn events(documents: &[Value]) -> String {
    documents.iter().map(|document| format!("data: {document}\n\n")).collect()
}

#[test]
fn a_chat_is_its_messages() {
    let body = json!({"model": "gpt-4o", "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "Look:"}, {"type": "image_url", "image_url": {"url": "data:"}}]},
        {"role": "assistant", "content": null, "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{\"at\":1}"}}]},
        {"role": "tool", "tool_call_id": "c1", "content": "a cat"},
    ]});
    let said =
        "system: Be brief.\nuser: Look: | [image_url]\nassistant: look({\"at\":1})\ntool: -> a cat";
    assert_eq!(asked(&body), said);
    let speakers: Vec<Speaker> = request(&body.to_string()).iter().map(|t| t.speaker).collect();
    assert_eq!(speakers, [Speaker::System, Speaker::User, Speaker::Assistant, Speaker::Tool]);
    let answer =
        json!({"choices": [{"index": 0, "message": {"role": "assistant", "content": "A cat."}}]});
    assert_eq!(answered(&answer), "assistant: A cat.");
    let refused =
        json!({"choices": [{"message": {"role": "assistant", "content": null, "refusal": "no"}}]});
    assert_eq!(answered(&refused), "assistant: [refused: no]");
}

#[test]
fn a_chat_that_streams_is_put_together() {
    let delta = |index: u64, delta: Value| json!({"choices": [{"index": index, "delta": delta}]});
    let call = |part: Value| delta(0, json!({"tool_calls": [part]}));
    let stream = events(&[
        delta(0, json!({"role": "assistant", "content": ""})),
        delta(0, json!({"content": "My mail is [masked:e"})),
        delta(1, json!({"content": "other"})),
        delta(0, json!({"content": "mail]."})),
        call(json!({"index": 0, "id": "c", "function": {"name": "send", "arguments": ""}})),
        call(json!({"index": 0, "function": {"arguments": "{\"to\":"}})),
        call(json!({"index": 0, "function": {"arguments": "\"bo\"}"}})),
        json!({"choices": [], "usage": {"total_tokens": 9}}),
    ]);
    let whole = "assistant: My mail is [masked:email]. | send({\"to\":\"bo\"})\nassistant: other";
    let stream = format!(": hello\n\n{stream}data: [DONE]\n\n");
    assert_eq!(text(&response(&stream)), whole);
    assert_eq!(text(&response(&stream.replace('\n', "\r\n"))), whole);
    // Cut in the middle of an event: what came before it is read.
    let cut = stream.split("mail].").next().unwrap();
    assert_eq!(text(&response(cut)), "assistant: My mail is [masked:e\nassistant: other");
}

#[test]
fn the_responses_api_is_read() {
    let body = json!({"model": "gpt-5", "instructions": "Be kind.", "input": [
        {"role": "user", "content": [{"type": "input_text", "text": "Hi"}]},
        {"type": "function_call", "name": "time", "arguments": "{}", "call_id": "c"},
        {"type": "function_call_output", "call_id": "c", "output": "noon"},
        {"type": "item_reference", "id": "x"},
    ]});
    let said =
        "instructions: Be kind.\nuser: Hi\nassistant: time({})\ntool: -> noon\n: [item_reference]";
    assert_eq!(asked(&body), said);
    assert_eq!(asked(&json!({"input": "Hi", "model": "m"})), "user: Hi");
    let output = json!([
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}]},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Noon."}]},
    ]);
    assert_eq!(
        answered(&json!({"id": "resp_1", "output": output})),
        "reasoning: Hm.\nassistant: Noon."
    );
    let stream = events(&[
        json!({"type": "response.created", "response": {"id": "resp_1", "output": []}}),
        json!({"type": "response.output_item.added", "output_index": 0, "item": {"type": "message"}}),
        json!({"type": "response.output_text.delta", "output_index": 0, "delta": "No"}),
        json!({"type": "response.output_text.delta", "output_index": 0, "delta": "on."}),
        json!({"type": "response.output_item.added", "output_index": 1, "item": {"type": "function_call", "name": "f"}}),
        json!({"type": "response.function_call_arguments.delta", "output_index": 1, "delta": "{}"}),
        json!({"type": "response.completed", "response": {"id": "resp_1", "output": output}}),
    ]);
    assert_eq!(text(&response(&stream)), "assistant: Noon.\nassistant: f({})");
    let only_whole =
        events(&[json!({"type": "response.completed", "response": {"output": output}})]);
    assert_eq!(text(&response(&only_whole)), "reasoning: Hm.\nassistant: Noon.");
}

#[test]
fn older_apis_and_errors_are_read() {
    assert_eq!(asked(&json!({"prompt": "Once", "model": "m"})), "user: Once");
    assert_eq!(asked(&json!({"input": ["a", "b"], "model": "e"})), "user: a\nuser: b");
    assert_eq!(answered(&json!({"choices": [{"text": " upon"}]})), "assistant:  upon");
    let error = json!({"error": {"message": "no such model", "type": "invalid_request_error"}});
    assert_eq!(answered(&error), ": [error: no such model]");
    assert_eq!(text(&response(&events(&[error]))), ": [error: no such model]");
}

#[test]
fn tools_are_called_and_answer() {
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": "search", "arguments": {"q": "x"}}});
    assert_eq!(asked(&call), "caller: search({\"q\":\"x\"})");
    let list = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
    assert_eq!(asked(&list), "caller: tools/list()");
    let result = json!({"jsonrpc": "2.0", "id": 1, "result": {
        "content": [{"type": "text", "text": "found"}, {"type": "image"}]}});
    assert_eq!(answered(&result), "tool: -> found | [image]");
    let progress =
        json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progress": 1}});
    let stream = format!("event: message\n{}", events(&[progress, result]));
    let said = "server: notifications/progress({\"progress\":1})\ntool: -> found | [image]";
    assert_eq!(text(&response(&stream)), said);
    let failed = json!({"jsonrpc": "2.0", "id": 1, "result": {"isError": true, "content": []}});
    assert_eq!(answered(&failed), "tool: [the tool failed]");
    let error =
        json!({"jsonrpc": "2.0", "id": 1, "error": {"code": -32601, "message": "no such tool"}});
    assert_eq!(answered(&error), ": [error: no such tool]");
}

#[test]
fn agents_talk() {
    let send = json!({"jsonrpc": "2.0", "id": 1, "method": "message/send", "params": {
        "message": {"role": "user", "parts": [{"kind": "text", "text": "Book it"}, {"kind": "data", "data": {"n": 1}}]}}});
    assert_eq!(asked(&send), "user: Book it | -> {\n  \"n\": 1\n}");
    let task = json!({"jsonrpc": "2.0", "id": 1, "result": {"kind": "task", "artifacts": [
        {"parts": [{"kind": "text", "text": "Booked"}]}], "status": {"state": "completed"}}});
    assert_eq!(answered(&task), "agent: Booked");
    let update = json!({"jsonrpc": "2.0", "id": 1, "result": {"kind": "status-update", "status": {
        "message": {"parts": [{"kind": "text", "text": "Working"}]}}}});
    assert_eq!(text(&response(&events(&[update, task]))), "agent: Working\nagent: Booked");
}

#[test]
fn studio_teams_talk() {
    assert_eq!(asked(&json!({"type": "start", "task": "Plan", "team_config": {}})), "user: Plan");
    let messages = json!([
        {"source": "user", "content": "Plan", "type": "TextMessage"},
        {"source": "planner", "type": "ToolCallRequestEvent",
            "content": [{"id": "c", "name": "calendar", "arguments": "{\"d\":1}"}]},
        {"source": "planner", "type": "ToolCallExecutionEvent", "content": [{"call_id": "c", "content": "free"}]},
        {"source": "writer", "type": "MultiModalMessage", "content": ["Done", {"type": "image"}]},
    ]);
    let said = "user: Plan\nplanner: calendar({\"d\":1})\nplanner: -> free\nwriter: Done | [image]";
    let predicted = json!({"status": true, "data": {"task_result": {"messages": messages}}});
    assert_eq!(answered(&predicted), said);
    let runs = json!({"data": {"runs": [{"messages": messages.as_array().unwrap().iter()
        .map(|m| json!({"config": m})).collect::<Vec<_>>()}]}});
    assert_eq!(answered(&runs), said);
    let frames: String = messages
        .as_array()
        .unwrap()
        .iter()
        .map(|m| format!("{}\n", json!({"type": "message", "data": m})))
        .collect();
    assert_eq!(text(&response(&frames)), said);
}

#[test]
fn what_is_not_understood_is_not_guessed() {
    for body in
        ["", "{", "<html>", "[1]", "null", "{\"a\":1}", "data: x\n\n", "{\"messages\":1}", "\u{0}"]
    {
        assert_eq!(request(body), [], "{body}");
        assert_eq!(response(body), [], "{body}");
    }
    assert_eq!(request("{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"cont"), []);
    for body in ["[]", "{\"messages\":[1,null,\"x\",{}]}", "{\"choices\":[0]}", "{\"output\":[{}]}"]
    {
        assert_eq!((request(body), response(body)), (Vec::new(), Vec::new()), "{body}");
    }
}

#[test]
fn pages_stay_small() {
    let long = request(&json!({"input": "é".repeat(LONGEST_TEXT + 1)}).to_string());
    let Piece::Text(cut) = &long[0].pieces[0] else { panic!("{long:?}") };
    assert!(cut.ends_with("é… (cut: the record has all of it)"));
    let many = json!({"messages": vec![json!({"role": "user", "content": "x"}); MOST_TURNS + 9]});
    let turns = request(&many.to_string());
    assert_eq!(turns.len(), MOST_TURNS + 1);
    assert!(matches!(&turns[MOST_TURNS].pieces[0], Piece::Note(text) if text.contains("more")));
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    assert_eq!(response(&deep), []);
}
