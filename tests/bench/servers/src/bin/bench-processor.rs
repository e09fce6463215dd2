//! `bench-processor ADDRESS`: an Envoy external processor (`envoy.service.ext_proc.v3`) that lets every chunk pass.
//!
//! The least that any service behind `ext_proc` does: it receives each chunk and says to go on, without looking at it and
//! without sending it back. One thread, as Envoy has one worker here.

use std::error::Error;

use envoy_types::pb::envoy::service::ext_proc::v3::external_processor_server::{
    ExternalProcessor, ExternalProcessorServer,
};
use envoy_types::pb::envoy::service::ext_proc::v3::processing_request::Request as Asked;
use envoy_types::pb::envoy::service::ext_proc::v3::processing_response::Response as Answer;
use envoy_types::pb::envoy::service::ext_proc::v3::{
    BodyResponse, HeadersResponse, ProcessingRequest, ProcessingResponse, TrailersResponse,
};
use tokio_stream::{Stream, StreamExt as _};
use tonic::transport::Server;
use tonic::{Request, Response, Status, Streaming};

struct PassThrough;

#[tonic::async_trait]
impl ExternalProcessor for PassThrough {
    type ProcessStream =
        Box<dyn Stream<Item = Result<ProcessingResponse, Status>> + Send + Unpin + 'static>;

    async fn process(
        &self,
        request: Request<Streaming<ProcessingRequest>>,
    ) -> Result<Response<Self::ProcessStream>, Status> {
        Ok(Response::new(Box::new(request.into_inner().map(|asked| asked.map(go_on)))))
    }
}

fn go_on(asked: ProcessingRequest) -> ProcessingResponse {
    let response = asked.request.map(|part| match part {
        Asked::RequestHeaders(_) => Answer::RequestHeaders(HeadersResponse::default()),
        Asked::ResponseHeaders(_) => Answer::ResponseHeaders(HeadersResponse::default()),
        Asked::RequestBody(_) => Answer::RequestBody(BodyResponse::default()),
        Asked::ResponseBody(_) => Answer::ResponseBody(BodyResponse::default()),
        Asked::RequestTrailers(_) => Answer::RequestTrailers(TrailersResponse::default()),
        Asked::ResponseTrailers(_) => Answer::ResponseTrailers(TrailersResponse::default()),
    });
    ProcessingResponse { response, ..ProcessingResponse::default() }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).ok_or("usage: bench-processor ADDRESS")?.parse()?;
    Server::builder().add_service(ExternalProcessorServer::new(PassThrough)).serve(address).await?;
    Ok(())
}
