//! `#[derive(Module)]`.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Error, Field, GenericArgument, Ident, PathArguments, Result, Type};
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
        for parameter in input.generics.type_params() {
            if holds(&field.ty, &parameter.ident) {
                let name = &parameter.ident;
                let bound =
                    parse_quote_spanned!(field.ty.span()=> #name: ::inf_engine::module::Module);
                generics.make_where_clause().predicates.push(bound);
            }
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

    let name = &input.ident;
    let (implementation, types, clause) = generics.split_for_impl();
    Ok(quote! {
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
        }
    })
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
                    Err(meta.error("unknown option: the only one is `#[module(skip)]`"))
                }
            })?;
        }
    }
    Ok(skipped)
}

/// Whether `ty` is the type parameter, or holds it in a way that registers
/// what is held: then the parameter has to be a module.
fn holds(ty: &Type, parameter: &Ident) -> bool {
    match ty {
        Type::Array(array) => holds(&array.elem, parameter),
        Type::Path(path) => {
            if path.path.is_ident(parameter) {
                return true;
            }
            let Some(last) = path.path.segments.last() else {
                return false;
            };
            let holders = [
                "Vec", "Option", "Box", "Arc", "HashMap", "BTreeMap", "IndexMap",
            ];
            let PathArguments::AngleBracketed(arguments) = &last.arguments else {
                return false;
            };
            holders.iter().any(|holder| last.ident == holder)
                && arguments.args.iter().any(|argument| match argument {
                    GenericArgument::Type(ty) => holds(ty, parameter),
                    _ => false,
                })
        }
        _ => false,
    }
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
