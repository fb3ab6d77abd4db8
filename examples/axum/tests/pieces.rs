//! The guide's code blocks that are not part of the example: each is compiled as written there.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::unused_async,
    reason = "a guide shows how to make a thing and leaves what is done with it"
)]

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::response::Html;
use axum::routing::{get, post};
use mastra_auth_cloud::axum::{AuthLayer, CurrentUser, RoutePaths, routes};
use mastra_auth_cloud::{AuthBuilder, CloudApiError, MastraCloudAuth};
use tower::ServiceExt as _;

async fn agents(user: CurrentUser) -> String {
    format!("agents of {}", user.id())
}

async fn create() {}

fn options() -> AuthBuilder {
    MastraCloudAuth::builder()
        .project_id("demo")
        .public_url("https://app.example.com")
}

async fn status(app: Router, path: &str) -> StatusCode {
    let request = Request::get(path).body(Body::empty()).unwrap();
    app.oneshot(request).await.unwrap().status()
}

#[allow(dead_code, reason = "needs variables of the environment")]
fn settings() -> Result<MastraCloudAuth, CloudApiError> {
    use mastra_auth_cloud::{AuthBuilder, RoleMapping, SameSite, Secure};

    let auth = AuthBuilder::from_env()?
        .cookie_domain("example.com") // default: none, the cookie belongs to this host alone
        .same_site(SameSite::Strict) // default: Lax
        .secure(Secure::Yes) // default: Yes, unless the public URL is plain http on a loopback host
        // Default: the Cloud is asked; in `pkce` the four default roles apply.
        .role_mapping(RoleMapping::from_json(r#"{"editor": ["agents:*"]}"#)?)
        .build()?;
    Ok(auth)
}

#[tokio::test]
async fn a_permission_is_a_type_or_a_layer() -> Result<(), CloudApiError> {
    use mastra_auth_cloud::axum::{Permission, RequirePermission};

    struct RunAgents;
    impl Permission for RunAgents {
        const NAME: &'static str = "agents:execute";
    }

    async fn run(user: RequirePermission<RunAgents>) -> String {
        format!("{} runs", user.id())
    }

    let auth = options().build()?;
    let agents = Router::new()
        .route("/agents", get(agents))
        .route(
            "/agents/new",
            post(create).layer(auth.require("agents:write")?),
        )
        .layer(AuthLayer::required(auth.clone()).require("agents:read")?);
    let app = agents.route("/run", get(run));
    assert_eq!(status(app.clone(), "/agents").await, 401);
    assert_eq!(
        status(app, "/run").await,
        500,
        "it was added after the layer"
    );
    Ok(())
}

#[tokio::test]
async fn one_layer_stands_around_the_whole_service() -> Result<(), CloudApiError> {
    use axum::ServiceExt as _;
    use tower_layer::Layer as _;

    let auth = options().build()?;
    let app = Router::new()
        .route("/agents", get(agents))
        .merge(routes(&auth)?);
    let app = AuthLayer::optional(auth).layer(app);
    let _: axum::routing::IntoMakeService<_> = app.into_make_service();
    Ok(())
}

#[tokio::test]
async fn a_service_writes_its_own_pages() -> Result<(), CloudApiError> {
    let auth = options()
        .error_page(|error, _headers| {
            let (title, text) = (error.title, error.text);
            let (code, reference) = (error.code, error.reference);
            Html(format!(
                "<h1>{title}</h1><p>{text}</p><small>{code}, {reference}</small>"
            ))
        })
        .build()?;
    let app = Router::new()
        .route("/agents", get(agents))
        .merge(routes(&auth)?);
    assert_eq!(status(app, "/agents").await, 500);
    Ok(())
}

#[tokio::test]
async fn a_service_stands_below_a_path() -> Result<(), CloudApiError> {
    let auth = options().public_url("https://example.com/app").build()?;
    let agents = Router::new()
        .route("/agents", get(agents))
        .layer(AuthLayer::required(auth.clone()));
    let app: Router = Router::new().nest("/app", agents.merge(routes(&auth)?));
    assert_eq!(status(app, "/app/agents").await, 401);
    Ok(())
}

#[tokio::test]
async fn the_routes_stand_elsewhere() -> Result<(), CloudApiError> {
    let auth = options()
        .route_paths(RoutePaths::below("/account").login("/sign-in"))
        .build()?;
    let app: Router = routes(&auth)?;
    assert_eq!(status(app.clone(), "/account/me").await, 401);
    assert_eq!(status(app, "/auth/me").await, 404);
    Ok(())
}
