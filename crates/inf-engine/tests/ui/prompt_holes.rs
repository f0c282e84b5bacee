use inf_engine::prelude::*;

fn forward(text: Proxy<String>) {
    let _ = prompt!("Summarize {}", text);
    let _ = prompt!("Summarize {}");
    let _ = prompt!("Summarize {text");
    let _ = prompt!("Summarize text}");
    let _ = prompt!("Summarize {text.trim()}");
    let _ = prompt!("Summarize {text:?}");
    let _ = prompt!("Summarize {0}");
    let _ = prompt!("Summarize {txet}");
    let _ = prompt!("Summarize {text}", topic = text);
    let _ = prompt!("About {topic}", topic = text, topic = text);
    let _ = prompt!("About {topic}", topic);
    let _ = prompt!(text);
    let _ = prompt!();
}

fn main() {}
