//! The axum parts in a service that has a state of its own.

use crate::common::{App, Browser, ask, cloud};
use axum::Router;
use axum::extract::State;
use axum::routing::get;
use mastra_auth_cloud::axum::{AuthLayer, CurrentUser, routes};
use mastra_auth_cloud::{Dialect, MastraCloudAuth};
use mastra_auth_local_cloud::{Fault, FaultKind};

#[derive(Clone)]
struct Shop {
    name: &'static str,
}

async fn home(State(shop): State<Shop>, user: Option<CurrentUser>) -> String {
    let who = user.map_or_else(|| "nobody".to_owned(), |user| user.id().as_str().to_owned());
    format!("{who} in {}", shop.name)
}

fn shop(auth: &MastraCloudAuth) -> Router {
    let open: Router<Shop> = Router::new()
        .route("/", get(home))
        .layer(AuthLayer::optional(auth.clone()));
    open.merge(routes(auth).unwrap())
        .with_state(Shop { name: "the shop" })
}

#[tokio::test]
async fn the_routes_merge_into_a_router_with_a_state() {
    let cloud = cloud(Dialect::V1).await;
    let app = App::serving(&cloud, shop).await;
    let mut browser = Browser::default();
    browser.sign_in(&app, &cloud, "member").await;
    assert_eq!(browser.me(&app).await, "usr_mei");
    assert_eq!(browser.open(&app.url).await.body, "usr_mei in the shop");
}

#[tokio::test]
async fn an_optional_user_keeps_the_four_answers_apart() {
    let cloud = cloud(Dialect::V1).await;
    let app = App::serving(&cloud, shop).await;
    assert_eq!(ask(&app, "/", &[]).await.body, "nobody in the shop");
    let refused = [("authorization", "Bearer no-such-token")];
    assert_eq!(ask(&app, "/", &refused).await.body, "nobody in the shop");
    cloud.control().set_fault(Fault::new(FaultKind::Drop));
    let unknown = ask(&app, "/", &[("authorization", "Bearer another")]).await;
    assert_eq!(
        (unknown.status.as_u16(), unknown.code().as_str()),
        (503, "unavailable"),
        "what could not be found out is not None"
    );
}
