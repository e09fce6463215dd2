//! `bench-allow-all ADDRESS`: an Envoy authorization service (`envoy.service.auth.v3`) that says yes to everything.
//!
//! The least that any service behind `ext_authz` does: it reads the request's attributes and answers. One thread, as Envoy has
//! one worker here.

use std::error::Error;

use envoy_types::ext_authz::v3::CheckResponseExt as _;
use envoy_types::ext_authz::v3::pb::{
    Authorization, AuthorizationServer, CheckRequest, CheckResponse,
};
use tonic::transport::Server;
use tonic::{Request, Response, Status};

struct AllowAll;

#[tonic::async_trait]
impl Authorization for AllowAll {
    async fn check(&self, _: Request<CheckRequest>) -> Result<Response<CheckResponse>, Status> {
        Ok(Response::new(CheckResponse::with_status(Status::ok(""))))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).ok_or("usage: bench-allow-all ADDRESS")?.parse()?;
    Server::builder().add_service(AuthorizationServer::new(AllowAll)).serve(address).await?;
    Ok(())
}
