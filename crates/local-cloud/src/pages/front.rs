//! The front page: what this is, and the lines an app needs to use it.

use std::sync::Arc;

use axum::extract::State;
use maud::{Markup, html};

use super::frame;
use crate::Dialect;
use crate::cloud::Cloud;

pub(super) async fn front(State(cloud): State<Arc<Cloud>>) -> Markup {
    let projects: Vec<&str> = cloud
        .seed
        .projects
        .iter()
        .map(|project| project.id.as_str())
        .collect();
    let first = projects.first().copied().unwrap_or_default();
    let is_platform = cloud.dialect == Dialect::Platform;
    let page = html! {
        section.card {
            h1 { "A Cloud on your desk" }
            p { "It signs people in to the app that you build, as Mastra Cloud would. Nobody has a password here." }
            h2 { "Point your app at it" }
            pre tabindex="0" { code {
                "MASTRA_CLOUD_URL=" (cloud.url) "\n"
                @if !is_platform { "MASTRA_PROJECT_ID=" (first) "\n" }
                @if cloud.dialect.as_str() != "v1" { "MASTRA_CLOUD_DIALECT=" (cloud.dialect.as_str()) "\n" }
            } }
            p { "An app that serves the sign-in routes itself, as with axum, also needs " code { "MASTRA_PUBLIC_URL" } ": where browsers reach it." }
            dl {
                dt { "Dialect" } dd { code { (cloud.dialect.as_str()) } }
                dt { "Projects" } dd { @for project in projects { code.chip { (project) } " " } }
                dt { "People" } dd { @for person in &cloud.seed.people { span.chip { (person.name) @if !is_platform { " (" (person.role) ")" } } " " } }
                @if is_platform { dt { "Organizations" } dd { @for one in &cloud.seed.organizations { code.chip { (one.id) } " " } } }
                dt { "Keys" } dd { a href="/.well-known/jwks.json" { "/.well-known/jwks.json" } }
            }
            p.actions { a.button href="/admin" { "Open the admin page" } }
        }
    };
    frame("Front page", "narrow", &page)
}
