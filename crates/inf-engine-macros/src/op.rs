//! `#[op]`.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::spanned::Spanned;
use syn::{
    Error, FnArg, GenericArgument, Ident, ItemFn, Pat, PathArguments, Result, ReturnType, Type,
};

use crate::module::{trace_path, unraw};

pub(crate) fn expand(arguments: &TokenStream, item: &ItemFn) -> Result<TokenStream> {
    if !arguments.is_empty() {
        return Err(Error::new(arguments.span(), "`#[op]` has no options"));
    }
    let signature = &item.sig;
    if !signature.generics.params.is_empty() {
        let message = "an `#[op]` has no type parameters: a saved graph finds it by its name alone";
        return Err(Error::new(signature.generics.span(), message));
    }
    let mut names = Vec::new();
    let mut types = Vec::new();
    for argument in &signature.inputs {
        let (name, ty) = argument_of(argument)?;
        names.push(name);
        types.push(ty);
    }
    if names.is_empty() || names.len() > 8 {
        let message = "an `#[op]` takes between one and eight values";
        return Err(Error::new(signature.paren_token.span.join(), message));
    }
    let (output, fallible) = output_of(&signature.output)?;

    let visibility = &item.vis;
    let attributes = &item.attrs;
    let function = &signature.ident;
    let registered = format_ident!("{}_op", unraw(function));
    let stable_name = unraw(function);
    let constructor = format_ident!(
        "{}",
        match (fallible, signature.asyncness.is_some()) {
            (false, false) => "new",
            (true, false) => "fallible",
            (false, true) => "new_async",
            (true, true) => "fallible_async",
        }
    );
    let plain = ItemFn {
        attrs: Vec::new(),
        vis: syn::Visibility::Inherited,
        ..item.clone()
    };
    let (pattern, input) = match &*names {
        [name] => (quote!(#name: #(#types)*), quote!(#name.into_proxy())),
        _ => (
            quote!((#(#names),*): (#(#types),*)),
            quote!(__Pack::pack((#(#names.into_proxy()),*))),
        ),
    };
    let (proxy, into_proxy) = (trace_path("Proxy"), trace_path("IntoProxy"));
    let docs = format!(
        "The function behind [`{function}`], to be registered where a saved graph is loaded."
    );
    Ok(quote! {
        #(#attributes)*
        #[allow(clippy::used_underscore_binding, reason = "a value that the function ignores")]
        #[track_caller]
        #visibility fn #function(#(#names: impl #into_proxy<#types>),*) -> #proxy<#output> {
            #[allow(unused_imports, reason = "one value is not packed")]
            use ::inf_engine::trace::{IntoProxy as _, Pack as __Pack};
            ::inf_engine::trace::apply(&#registered(), #input)
        }

        #[doc = #docs]
        #[allow(clippy::used_underscore_binding, reason = "a value that the function ignores")]
        #visibility fn #registered() -> ::inf_engine::graph::HostFunction {
            #[allow(clippy::needless_pass_by_value, clippy::unused_async, reason = "values are owned")]
            #plain
            ::inf_engine::graph::HostFunction::#constructor(
                #stable_name,
                |#pattern| #function(#(#names),*),
            )
        }
    })
}

fn argument_of(argument: &FnArg) -> Result<(&Ident, &Type)> {
    let FnArg::Typed(argument) = argument else {
        let message =
            "an `#[op]` has no `self`: it is a function that a saved graph finds by its name";
        return Err(Error::new(argument.span(), message));
    };
    if let Type::Reference(_) = &*argument.ty {
        let message =
            "an `#[op]` takes owned values: write `String` for `&str` and `Vec<T>` for `&[T]`";
        return Err(Error::new(argument.ty.span(), message));
    }
    if let Type::ImplTrait(_) = &*argument.ty {
        let message = "an `#[op]` has no type parameters: write the type itself for `impl …`";
        return Err(Error::new(argument.ty.span(), message));
    }
    match &*argument.pat {
        Pat::Ident(pattern) => Ok((&pattern.ident, &argument.ty)),
        pattern => Err(Error::new(
            pattern.span(),
            "an `#[op]` names its values: write a plain name here",
        )),
    }
}

/// The type of the value, and whether the function returns a `Result` of it.
fn output_of(output: &ReturnType) -> Result<(TokenStream, bool)> {
    let ReturnType::Type(_, ty) = output else {
        return Ok((quote!(()), false));
    };
    if let Type::Path(path) = &**ty
        && let Some(last) = path.path.segments.last()
        && last.ident == "Result"
    {
        if let PathArguments::AngleBracketed(arguments) = &last.arguments
            && let Some(GenericArgument::Type(value)) = arguments.args.first()
        {
            return Ok((quote!(#value), true));
        }
        let message = "an `#[op]` names the type of its result, as in `Result<Facts, String>`";
        return Err(Error::new(ty.span(), message));
    }
    Ok((quote!(#ty), false))
}
