use inf_engine::prelude::*;

#[derive(Serialize, Deserialize, JsonSchema)]
enum Kind {
    Bug,
    Praise,
}

fn conditions(text: Proxy<String>, flag: Proxy<bool>) {
    let _ = branch(text, || text, || text);
    let _ = flag.and(text);
    let _ = if flag { text } else { text };
    let _ = text.less_than(3);
    let _ = flag.length();
}

fn arms(ask: LlmInference, text: Proxy<String>, number: Proxy<u32>, flag: Proxy<bool>) {
    let _ = branch(flag, || text, || number);
    let _ = branch(flag, || "yes", || "no");
    let _ = fallback(|| ask.call(text), || number);
}

fn cases(text: Proxy<String>, kind: Proxy<Kind>) {
    let _ = match_branch(kind)
        .case("bug", || text)
        .default(|| text);
    let _ = match_branch(text)
        .case(Kind::Praise, || text)
        .default(|| text);
}

fn lists(text: Proxy<String>, list: Proxy<Vec<String>>) {
    let _ = map(text, |part| part);
    let _ = text.map(|part| part);
    let _ = list.filter(|part| part);
    let _ = list.fold(0_u32, |count, part| part);
    let _ = repeat_until(text, |text| text, |text| text, 3);
    for part in list {}
}

fn main() {}
