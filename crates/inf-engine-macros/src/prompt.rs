//! `prompt!`.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::parse::{Parse, ParseStream};
use syn::spanned::Spanned;
use syn::{Error, Expr, Ident, LitStr, Result, Token};

/// `"text with {holes}", name = expression, …`
pub(crate) struct Prompt {
    text: LitStr,
    arguments: Vec<(Ident, Expr)>,
}

impl Parse for Prompt {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let text = input.parse().map_err(|error| {
            let message = "`prompt!` takes a text in quotes, as in `prompt!(\"Summarize {text}\")`";
            Error::new(error.span(), message)
        })?;
        let mut arguments = Vec::new();
        while !input.is_empty() {
            input.parse::<Token![,]>()?;
            if input.is_empty() {
                break;
            }
            let value: Expr = input.parse()?;
            let Expr::Assign(assign) = value else {
                let message = format!(
                    "`prompt!` takes values by name: write `{{{0}}}` in the text, or name the value, \
                     as in `{0} = …`",
                    if let Expr::Path(path) = &value
                        && let Some(name) = path.path.get_ident()
                    {
                        name.to_string()
                    } else {
                        "topic".to_owned()
                    }
                );
                return Err(Error::new(value.span(), message));
            };
            let Expr::Path(path) = &*assign.left else {
                return Err(Error::new(
                    assign.left.span(),
                    "a plain name stands before the `=`, as in `topic = …`",
                ));
            };
            let name = path.path.require_ident()?.clone();
            if arguments.iter().any(|(other, _)| *other == name) {
                let message = format!("`{name}` is given twice: keep one of them");
                return Err(Error::new(name.span(), message));
            }
            arguments.push((name, *assign.right));
        }
        Ok(Self { text, arguments })
    }
}

enum Part {
    Text(String),
    Hole(String),
}

impl Prompt {
    pub(crate) fn expand(&self) -> Result<TokenStream> {
        let span = self.text.span();
        let parts = split(&self.text.value()).map_err(|message| Error::new(span, message))?;
        for (name, _) in &self.arguments {
            let root = |hole: &str| hole.split('.').next() == Some(name.to_string().as_str());
            if !parts
                .iter()
                .any(|part| matches!(part, Part::Hole(hole) if root(hole)))
            {
                let message =
                    format!("`{name}` is not in the text: write `{{{name}}}` where it goes");
                return Err(Error::new(name.span(), message));
            }
        }
        let mut calls = TokenStream::new();
        for part in parts {
            calls.extend(match part {
                Part::Text(text) => quote!(.text(#text)),
                Part::Hole(hole) => {
                    let value = self.value(&hole)?;
                    // A prompt that names a part of a value names no node.
                    let name = if hole.contains('.') { "" } else { &hole };
                    if name.is_empty() {
                        quote!(.part(&#value))
                    } else {
                        quote!(.value(#name, &#value))
                    }
                }
            });
        }
        let prompt = quote!(::inf_engine::trace::PromptBuilder::new()#calls.finish());
        if self.arguments.is_empty() {
            return Ok(prompt);
        }
        // An argument is evaluated once, however many holes it fills.
        let names = self.arguments.iter().map(|(name, _)| name);
        let expressions = self.arguments.iter().map(|(_, expression)| expression);
        Ok(quote! {
            match (#(&(#expressions),)*) {
                (#(#names,)*) => #prompt,
            }
        })
    }

    /// The expression that a hole stands for.
    fn value(&self, hole: &str) -> Result<TokenStream> {
        let span = self.text.span();
        let mut names = hole.split('.');
        let root = names.next().unwrap_or_default();
        let argument = self.arguments.iter().find(|(name, _)| name == root);
        let mut value = if let Some((name, _)) = argument {
            quote!((*#name))
        } else {
            let root = identifier(root, hole, span)?;
            quote!(#root)
        };
        for name in names {
            // `self` is a struct that is there; everything else is a proxy.
            let is_there = root == "self";
            value = if let Ok(index) = name.parse::<u32>() {
                let field = syn::Index { index, span };
                let index = index as usize;
                if is_there {
                    quote!(#value.#field)
                } else {
                    quote!(#value.index(#index))
                }
            } else {
                let name = identifier(name, hole, span)?;
                if is_there {
                    quote!(#value.#name)
                } else {
                    quote!(#value.#name())
                }
            };
        }
        Ok(value)
    }
}

fn identifier(name: &str, hole: &str, span: Span) -> Result<Ident> {
    let error = |_| {
        let message = if hole.trim().is_empty() {
            "an empty hole: write the name of a variable in it, as in `{text}`".to_owned()
        } else {
            format!(
                "`{{{hole}}}` is no hole: write a variable `{{text}}`, a field `{{self.style}}` or \
                 `{{pair.a}}`, or name an expression with `prompt!(\"{{topic}}\", topic = …)`; for a \
                 brace write `{{{{` or `}}}}`"
            )
        };
        Error::new(span, message)
    };
    let mut ident: Ident = if name == "self" {
        syn::parse_str::<Token![self]>(name)
            .map(Ident::from)
            .map_err(error)?
    } else {
        syn::parse_str(name).map_err(error)?
    };
    ident.set_span(span);
    Ok(ident)
}

/// Splits a text at its holes.
fn split(text: &str) -> std::result::Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, brace) = rest.split_at(at);
        plain.push_str(before);
        if let Some(after) = brace.strip_prefix("{{") {
            plain.push('{');
            rest = after;
        } else if let Some(after) = brace.strip_prefix("}}") {
            plain.push('}');
            rest = after;
        } else if let Some(hole) = brace.strip_prefix('{') {
            let Some((hole, after)) = hole.split_once('}') else {
                return Err("a `{` is not closed: write `}`, or `{{` for a brace".to_owned());
            };
            parts.push(Part::Text(std::mem::take(&mut plain)));
            parts.push(Part::Hole(hole.trim().to_owned()));
            rest = after;
        } else {
            return Err("a `}` has no `{` before it: write `}}` for a brace".to_owned());
        }
    }
    plain.push_str(rest);
    parts.push(Part::Text(plain));
    parts.retain(|part| !matches!(part, Part::Text(text) if text.is_empty()));
    Ok(parts)
}
