//! `#[derive(Module)]`.

use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::spanned::Spanned;
use syn::{
    Data, DeriveInput, Error, ExprPath, Field, GenericArgument, Ident, PathArguments, Result, Type,
};
use syn::{parse_quote, parse_quote_spanned};

pub(crate) fn derive(input: &DeriveInput) -> Result<TokenStream> {
    let fields = match &input.data {
        Data::Struct(data) => &data.fields,
        Data::Enum(data) => {
            return Err(Error::new(
                data.enum_token.span,
                "`#[derive(Module)]` is for structs: an enum can't be a module. For one of several \
                 modules hold a `Box<dyn Forward<Input = …, Output = …>>` in a struct",
            ));
        }
        Data::Union(data) => {
            return Err(Error::new(
                data.union_token.span,
                "`#[derive(Module)]` is for structs: a union can't be a module. Write a struct",
            ));
        }
    };

    let mut generics = input.generics.clone();
    let mut registrations = TokenStream::new();
    for (index, field) in fields.iter().enumerate() {
        if is_skipped(field)? {
            continue;
        }
        let parameters: Vec<_> = input
            .generics
            .type_params()
            .map(|found| &found.ident)
            .collect();
        if let Some(module) = generic_module(&field.ty, &parameters) {
            let bound = parse_quote_spanned!(module.span()=> #module: ::inf_engine::module::Module);
            generics.make_where_clause().predicates.push(bound);
        }
        let (member, name) = match &field.ident {
            Some(ident) => (ident.to_token_stream(), unraw(ident)),
            None => (syn::Index::from(index).to_token_stream(), index.to_string()),
        };
        let span = field.ty.span();
        // The span makes the compiler point at the field's type.
        let call = quote::quote_spanned!(span=> (&&&__Field(&self.#member)).register_field(#name, __members););
        registrations.extend(call);
    }

    let backward = backward(input)?.map(|function| {
        quote::quote_spanned! {function.span()=>
            fn backward(
                &self,
                __feedback: &::inf_engine::Feedback,
                __context: &::inf_engine::module::BackwardContext<'_>,
            ) -> ::inf_engine::module::BackwardResult {
                #function(self, __feedback, __context)
            }
        }
    });

    let name = &input.ident;
    let (implementation, types, clause) = generics.split_for_impl();
    Ok(quote! {
        #[allow(private_bounds, reason = "a field's type may be less public than the module")]
        impl #implementation ::inf_engine::module::Module for #name #types #clause {
            fn members<'__m>(&'__m self, __members: &mut ::inf_engine::module::Members<'__m>) {
                #[allow(unused_imports, reason = "which of them is used depends on the fields")]
                use ::inf_engine::module::registration::{
                    Field as __Field, Plain as _, RefuseMember as _, RegisterMember as _,
                };
                let _ = &__members;
                #registrations
            }

            fn as_module(&self) -> &dyn ::inf_engine::module::Module {
                self
            }

            #backward
        }
    })
}

/// The function of `#[module(backward = …)]` on the struct.
fn backward(input: &DeriveInput) -> Result<Option<ExprPath>> {
    let mut function = None;
    for attribute in &input.attrs {
        if attribute.path().is_ident("module") {
            attribute.parse_nested_meta(|meta| {
                if meta.path.is_ident("backward") {
                    function = Some(meta.value()?.parse()?);
                    Ok(())
                } else {
                    Err(meta.error(
                        "unknown option: on a struct the only one is `#[module(backward = function)]`",
                    ))
                }
            })?;
        }
    }
    Ok(function)
}

/// Whether the field has `#[module(skip)]`.
fn is_skipped(field: &Field) -> Result<bool> {
    let mut skipped = false;
    for attribute in &field.attrs {
        if attribute.path().is_ident("module") {
            attribute.parse_nested_meta(|meta| {
                if meta.path.is_ident("skip") {
                    skipped = true;
                    Ok(())
                } else {
                    Err(meta.error("unknown option: on a field the only one is `#[module(skip)]`"))
                }
            })?;
        }
    }
    Ok(skipped)
}

/// The type in `ty` that depends on a type parameter and has to be a module.
///
/// In generic code the compiler can't see whether it is one, and would leave
/// the field out without a word; so it is required to be.
fn generic_module<'t>(ty: &'t Type, parameters: &[&Ident]) -> Option<&'t Type> {
    let last = match ty {
        Type::Array(array) => return generic_module(&array.elem, parameters),
        Type::Path(path) => path.path.segments.last()?,
        _ => return None,
    };
    let mut held = match &last.arguments {
        PathArguments::AngleBracketed(arguments) => arguments.args.iter(),
        _ => return mentions(ty.to_token_stream(), parameters).then_some(ty),
    }
    .filter_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    });
    match last.ident.to_string().as_str() {
        "Vec" | "Option" | "Box" | "Arc" => generic_module(held.next()?, parameters),
        "HashMap" | "BTreeMap" | "IndexMap" => generic_module(held.nth(1)?, parameters),
        "PhantomData" => None,
        _ => mentions(ty.to_token_stream(), parameters).then_some(ty),
    }
}

fn mentions(tokens: TokenStream, parameters: &[&Ident]) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => parameters.contains(&&ident),
        TokenTree::Group(group) => mentions(group.stream(), parameters),
        _ => false,
    })
}

/// The name of an identifier without `r#`.
pub(crate) fn unraw(ident: &Ident) -> String {
    let name = ident.to_string();
    name.strip_prefix("r#").map(str::to_owned).unwrap_or(name)
}

/// A path of this library.
pub(crate) fn trace_path(name: &str) -> syn::Path {
    let name = Ident::new(name, proc_macro2::Span::call_site());
    parse_quote!(::inf_engine::trace::#name)
}
