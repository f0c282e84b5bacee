use inf_engine::prelude::*;

struct Plain {
    ask: LlmInference,
}

impl Forward for Plain {
    type Input = String;
    type Output = String;
    fn forward(&self, text: Proxy<String>) -> Proxy<String> {
        self.ask.call(text)
    }
}

fn main() {}
