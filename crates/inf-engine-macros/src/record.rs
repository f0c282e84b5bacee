//! `#[derive(Record)]`.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::meta::ParseNestedMeta;
use syn::{Attribute, Data, DeriveInput, Error, Fields, Ident, LitStr, Result, Token, Type};

use crate::module::unraw;

/// A field as serde sees it.
struct RecordField<'f> {
    ident: &'f Ident,
    ty: &'f Type,
    /// Its name in the data.
    name: String,
}

/// The methods of every proxy, which hide accessors of the same name.
const METHODS: [&str; 13] = [
    "clone",
    "equals",
    "field",
    "named",
    "not_equals",
    "pack",
    "split",
    "then",
    "then_async",
    "then_blocking",
    "try_then",
    "try_then_async",
    "try_then_blocking",
];

pub(crate) fn derive(input: &DeriveInput) -> Result<TokenStream> {
    let Data::Struct(data) = &input.data else {
        let message =
            "`#[derive(Record)]` is for structs with named fields: an enum has no fields to access";
        return Err(Error::new(input.ident.span(), message));
    };
    let Fields::Named(named) = &data.fields else {
        let message = "`#[derive(Record)]` is for structs with named fields, as in `struct Pair { a: String, b: String }`";
        return Err(Error::new(input.ident.span(), message));
    };
    let rename_all = SerdeNames::read(&input.attrs)?.rename_all;
    let mut fields = Vec::new();
    for field in &named.named {
        let names = SerdeNames::read(&field.attrs)?;
        let Some(ident) = &field.ident else { continue };
        if names.skip {
            continue;
        }
        if names.flatten {
            let message =
                "`#[derive(Record)]` can't reach into a flattened field: give it a name of its own";
            return Err(Error::new(ident.span(), message));
        }
        let plain = unraw(ident);
        if METHODS.contains(&plain.as_str()) {
            let message = format!(
                "a proxy has a method `{plain}` of its own: give the field another name, and keep \
                 the one in the data with `#[serde(rename = \"{plain}\")]`"
            );
            return Err(Error::new(ident.span(), message));
        }
        let name = match (names.rename, &rename_all) {
            (Some(name), _) => name,
            (None, Some(rule)) => apply(rule, &plain)?,
            (None, None) => plain,
        };
        fields.push(RecordField {
            ident,
            ty: &field.ty,
            name,
        });
    }
    Ok(expand(input, &fields))
}

fn expand(input: &DeriveInput, fields: &[RecordField<'_>]) -> TokenStream {
    let visibility = &input.vis;
    let record = &input.ident;
    let proxies = format_ident!("{record}Proxy");
    let accessors = format_ident!("{record}Fields");
    let (implementation, types, clause) = input.generics.split_for_impl();
    let generics = &input.generics;
    let proxy = crate::module::trace_path("Proxy");
    let pack = crate::module::trace_path("Pack");
    let packed = crate::module::trace_path("Packed");
    let split = crate::module::trace_path("Split");
    let idents: Vec<_> = fields.iter().map(|field| field.ident).collect();
    let tys: Vec<_> = fields.iter().map(|field| field.ty).collect();
    let names: Vec<_> = fields.iter().map(|field| &field.name).collect();
    let docs = format!("The proxies of the fields of [`{record}`].");
    let accessor_docs = format!("The fields of a proxy of [`{record}`].");
    let field_docs = names.iter().map(|name| format!("The field `{name}`."));
    let field_docs: Vec<_> = field_docs.collect();
    quote! {
        #[doc = #docs]
        #visibility struct #proxies #generics #clause {
            #(#[doc = #field_docs] pub #idents: #proxy<#tys>,)*
        }

        impl #implementation #pack for #proxies #types #clause {
            type Output = #record #types;

            fn packed(self, packed: &mut #packed<'_, '_>) -> ::inf_engine::graph::Shape {
                #packed::fields([#((#names, #pack::packed(self.#idents, packed))),*])
            }
        }

        impl #implementation #split for #record #types #clause {
            type Parts = #proxies #types;

            #[track_caller]
            fn split(proxy: #proxy<Self>) -> Self::Parts {
                #proxies { #(#idents: proxy.field(#names)),* }
            }
        }

        #[doc = #accessor_docs]
        #[allow(dead_code, reason = "a program need not read every field")]
        #visibility trait #accessors #generics #clause {
            #(#[doc = #field_docs] #[track_caller] fn #idents(self) -> #proxy<#tys>;)*
        }

        impl #implementation #accessors #types for #proxy<#record #types> #clause {
            #(#[track_caller] fn #idents(self) -> #proxy<#tys> { self.field(#names) })*
        }
    }
}

/// What serde's attributes say of a name.
#[derive(Default)]
struct SerdeNames {
    rename: Option<String>,
    rename_all: Option<LitStr>,
    skip: bool,
    flatten: bool,
}

impl SerdeNames {
    fn read(attributes: &[Attribute]) -> Result<Self> {
        let mut names = Self::default();
        for attribute in attributes {
            if attribute.path().is_ident("serde") {
                attribute.parse_nested_meta(|meta| names.read_one(&meta))?;
            }
        }
        Ok(names)
    }

    fn read_one(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        if meta.path.is_ident("skip") {
            self.skip = true;
        } else if meta.path.is_ident("flatten") {
            self.flatten = true;
        } else if meta.path.is_ident("rename") {
            self.rename = text(meta)?.map(|text| text.value());
        } else if meta.path.is_ident("rename_all") {
            self.rename_all = text(meta)?;
        } else if meta.input.peek(Token![=]) {
            meta.value()?.parse::<syn::Expr>()?;
        } else if meta.input.peek(syn::token::Paren) {
            meta.parse_nested_meta(|inner| {
                if inner.input.peek(Token![=]) {
                    inner.value()?.parse::<syn::Expr>()?;
                }
                Ok(())
            })?;
        }
        Ok(())
    }
}

/// The text of `rename = "x"` or `rename(serialize = "x", …)`.
fn text(meta: &ParseNestedMeta<'_>) -> Result<Option<LitStr>> {
    if meta.input.peek(Token![=]) {
        return Ok(Some(meta.value()?.parse()?));
    }
    let mut text = None;
    meta.parse_nested_meta(|inner| {
        let value: LitStr = inner.value()?.parse()?;
        if inner.path.is_ident("serialize") {
            text = Some(value);
        }
        Ok(())
    })?;
    Ok(text)
}

/// Applies a `rename_all` rule to a name in `snake_case`.
fn apply(rule: &LitStr, name: &str) -> Result<String> {
    let capitalized = |word: &str| {
        let mut letters = word.chars();
        let first = letters.next().map(|letter| letter.to_ascii_uppercase());
        first.into_iter().chain(letters).collect::<String>()
    };
    let pascal = || name.split('_').map(capitalized).collect::<String>();
    Ok(match rule.value().as_str() {
        "lowercase" | "snake_case" => name.to_owned(),
        "UPPERCASE" | "SCREAMING_SNAKE_CASE" => name.to_ascii_uppercase(),
        "PascalCase" => pascal(),
        "camelCase" => {
            let pascal = pascal();
            let mut letters = pascal.chars();
            let first = letters.next().map(|letter| letter.to_ascii_lowercase());
            first.into_iter().chain(letters).collect()
        }
        "kebab-case" => name.replace('_', "-"),
        "SCREAMING-KEBAB-CASE" => name.to_ascii_uppercase().replace('_', "-"),
        _ => {
            return Err(Error::new(
                rule.span(),
                "`#[derive(Record)]` does not know this rule: it knows those of serde, as in \
                 `rename_all = \"camelCase\"`",
            ));
        }
    })
}
