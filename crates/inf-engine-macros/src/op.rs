//! `#[op]`.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::parse::Parser as _;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{
    Error, FnArg, GenericArgument, Ident, ItemFn, Pat, PathArguments, Result, ReturnType, Token,
    Type,
};

use crate::module::{trace_path, unraw};

pub(crate) fn expand(arguments: &TokenStream, item: &ItemFn) -> Result<TokenStream> {
    let signature = &item.sig;
    let placement = placement_of(arguments, signature.asyncness.is_some())?;
    if !signature.generics.params.is_empty() {
        let message = "an `#[op]` has no type parameters, for a saved graph finds it by its name alone: write \
                       a function for each type";
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
        let message = "an `#[op]` takes between one and eight values: take a struct for more";
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
            #placement
        }
    })
}

/// The calls that say where the function runs, and whether what it gives is kept.
fn placement_of(arguments: &TokenStream, is_async: bool) -> Result<TokenStream> {
    let options = Punctuated::<Ident, Token![,]>::parse_terminated.parse2(arguments.clone());
    let options = options.ok().filter(|options| {
        let known =
            |option: &Ident| option == "blocking" || option == "quick" || option == "recorded";
        let places = options.iter().filter(|option| *option != "recorded");
        options.iter().all(known) && places.count() < 2
    });
    let Some(options) = options else {
        let message = "`#[op]` has no such option: write `#[op]`, `#[op(blocking)]`, `#[op(quick)]`, \
                       `#[op(recorded)]`, or `recorded` beside one of the others";
        return Err(Error::new(arguments.span(), message));
    };
    if is_async && let Some(option) = options.iter().find(|option| *option != "recorded") {
        let message = format!(
            "an async `#[op]` is never `{option}`: it is awaited beside the run; leave out `{option}`, or `async`"
        );
        return Err(Error::new(option.span(), message));
    }
    let calls = options.iter().map(|option| quote!(.#option()));
    Ok(quote!(#(#calls)*))
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
