//! How parts move through the filter: Envoy's filter manager around one filter.

use super::exchange::{At, Direction, Exchange, Part};
use super::proxy::Proxy;
use super::world::{Deferred, ExchangeId, unavailable};
use super::{Violation, reply};
use crate::abi::{Action, ContextId};
use crate::host::LocalResponse;

impl Proxy {
    /// A part arrives.
    pub(super) fn feed(&mut self, id: ExchangeId, direction: Direction, part: Part) {
        self.arrive(id, direction, part);
        self.settle();
    }

    /// What was asked for during callbacks, until nothing is left.
    pub(super) fn settle(&mut self) {
        loop {
            let asked = std::mem::take(&mut self.world_mut().deferred);
            if asked.is_empty() {
                return;
            }
            for one in asked {
                match one {
                    Deferred::Resume(id, direction) => self.resume(id, direction),
                    Deferred::Reset(id) => self.reset(id),
                    Deferred::Reply(id, response) => self.reply(id, response),
                    Deferred::Done(cx) => self.delete(cx),
                    Deferred::Queue(root, queue) => {
                        // Only a dead VM, or a root that has gone, does not take it.
                        let _ = self.vm.queue_ready(root, queue);
                    }
                }
            }
        }
    }

    fn live(&mut self, id: ExchangeId) -> Option<&mut Exchange> {
        self.world_mut().exchanges.get_mut(&id).filter(|exchange| !exchange.over)
    }

    fn arrive(&mut self, id: ExchangeId, direction: Direction, part: Part) {
        let Some(exchange) = self.live(id) else { return };
        if direction == Direction::Request && exchange.local.is_some() {
            return;
        }
        let half = exchange.half_mut(direction);
        if half.stopped {
            half.wait(part);
            return;
        }
        if half.ended || half.begun == matches!(part, Part::Headers(..)) {
            return;
        }
        let limit = match direction {
            Direction::Request => self.world().settings.request_limit,
            Direction::Response => self.world().settings.response_limit,
        };
        let at = match part {
            Part::Headers(headers, end) => self.take_headers(id, direction, headers, end),
            Part::Body(bytes, end) => self.take_body(id, direction, &bytes, end, limit),
            Part::Trailers(trailers) => {
                self.with(id, direction, |half| {
                    half.ended = true;
                    half.trailers = Some(trailers);
                    half.trailers_open = true;
                });
                Some(At::Trailers)
            }
        };
        let Some(at) = at else { return };
        let action = self.call(id, direction, at);
        self.settle();
        self.apply(id, direction, at, action, limit);
    }

    fn with(
        &mut self,
        id: ExchangeId,
        direction: Direction,
        change: impl FnOnce(&mut super::exchange::Half),
    ) {
        if let Some(exchange) = self.live(id) {
            change(exchange.half_mut(direction));
        }
    }

    fn take_headers(
        &mut self,
        id: ExchangeId,
        direction: Direction,
        headers: crate::HeaderMap,
        end: bool,
    ) -> Option<At> {
        let exchange = self.live(id)?;
        if direction == Direction::Request {
            let kind = headers.get("content-type").unwrap_or_default();
            exchange.grpc = kind == b"application/grpc" || kind.starts_with(b"application/grpc+");
            exchange.head_only = headers.get(":method") == Some(b"HEAD");
        }
        let half = exchange.half_mut(direction);
        half.begun = true;
        half.headers = headers;
        half.headers_open = true;
        half.ended = end;
        Some(At::Headers)
    }

    fn take_body(
        &mut self,
        id: ExchangeId,
        direction: Direction,
        bytes: &[u8],
        end: bool,
        limit: usize,
    ) -> Option<At> {
        let half = self.live(id)?.half_mut(direction);
        half.ended = end;
        half.buffer.extend_from_slice(bytes);
        half.buffer_open = true;
        if half.buffering && half.buffer.len() > limit {
            self.too_large(id, direction);
            return None;
        }
        Some(At::Body)
    }

    /// Runs the callback of what is at hand. Without a VM nothing is in the way.
    fn call(&mut self, id: ExchangeId, direction: Direction, at: At) -> Action {
        let Some(exchange) = self.live(id) else { return Action::Pause };
        let Some(cx) = exchange.cx else {
            if direction == Direction::Request {
                self.reply(id, unavailable());
            }
            return Action::Continue;
        };
        let half = exchange.half(direction);
        let (fields, size, end) = (half.headers.len(), half.buffer.len(), half.ended);
        let trailers = half.trailers.as_ref().map_or(0, crate::HeaderMap::len);
        self.world_mut().active = Some((id, direction));
        let vm = &mut self.vm;
        let result = match (direction, at) {
            (Direction::Request, At::Headers) => vm.request_headers(cx, fields, end),
            (Direction::Request, At::Body) => vm.request_body(cx, size, end),
            (Direction::Request, At::Trailers) => vm.request_trailers(cx, trailers),
            (Direction::Response, At::Headers) => vm.response_headers(cx, fields, end),
            (Direction::Response, At::Body) => vm.response_body(cx, size, end),
            (Direction::Response, At::Trailers) => vm.response_trailers(cx, trailers),
        };
        self.world_mut().active = None;
        result.unwrap_or_else(|_| {
            self.fail(id);
            Action::Pause
        })
    }

    fn apply(
        &mut self,
        id: ExchangeId,
        direction: Direction,
        at: At,
        action: Action,
        limit: usize,
    ) {
        let holds_all = !self.world().settings.stop_on_headers && at == At::Headers;
        let Some(exchange) = self.live(id) else { return };
        if direction == Direction::Request && exchange.local.is_some() {
            return;
        }
        let half = exchange.half_mut(direction);
        match action {
            Action::Continue => {
                half.release();
                self.released(id, direction);
            }
            Action::PauseAndWatermark => {
                half.paused = Some(at);
                half.stopped = holds_all || at == At::Trailers;
                half.buffering = false;
                half.shown.append(&mut half.buffer);
            }
            Action::Pause => {
                half.paused = Some(at);
                half.stopped = holds_all || at == At::Trailers;
                half.buffering = half.buffering || at == At::Body;
                if half.buffering && half.buffer.len() > limit {
                    self.too_large(id, direction);
                }
            }
        }
    }

    /// Something has left the proxy: look at it, and end the exchange with its response.
    fn released(&mut self, id: ExchangeId, direction: Direction) {
        let Some(exchange) = self.live(id) else { return };
        let half = exchange.half(direction);
        let ended = half.sent.ended;
        let faults = half.faults(direction);
        self.world_mut().violations.extend(faults.into_iter().map(|fault| (Some(id), fault)));
        if ended && direction == Direction::Response {
            self.finish(id);
        }
    }

    fn resume(&mut self, id: ExchangeId, direction: Direction) {
        let Some(exchange) = self.live(id) else { return };
        if exchange.local.is_some() && direction == Direction::Request {
            return;
        }
        let half = exchange.half_mut(direction);
        if half.paused.is_none() {
            let violation = Violation::ResumeWhileNotPaused(direction);
            self.world_mut().violations.push((Some(id), violation));
            return;
        }
        let buffering = half.buffering && !half.ended;
        half.release();
        if buffering {
            let violation = Violation::ResumeWhileBuffering(direction);
            self.world_mut().violations.push((Some(id), violation));
        }
        self.released(id, direction);
        // What has waited is shown now, until the filter stops again.
        while let Some(exchange) = self.live(id) {
            let half = exchange.half_mut(direction);
            if half.stopped {
                break;
            }
            let Some(part) = half.waiting.pop_front() else { break };
            self.arrive(id, direction, part);
        }
    }

    fn too_large(&mut self, id: ExchangeId, direction: Direction) {
        let reply = match direction {
            Direction::Request => reply::own(413, "request_payload_too_large", "Payload Too Large"),
            Direction::Response => {
                reply::own(500, "response_payload_too_large", "Internal Server Error")
            }
        };
        self.reply(id, reply);
    }

    /// Answers the client. A second answer is passed over, as in Envoy.
    pub(super) fn reply(&mut self, id: ExchangeId, response: LocalResponse) {
        let Some(exchange) = self.live(id) else { return };
        if exchange.local.is_some() {
            return;
        }
        let (headers, body) = reply::render(&response, exchange.grpc);
        exchange.local = Some(response);
        exchange.request.cut();
        let half = &mut exchange.response;
        if half.sent.head.is_some() {
            self.reset(id);
            return;
        }
        let end = body.is_empty() || exchange.head_only;
        if half.begun {
            // The upstream's response is dropped; callbacks have run for it and do not run again.
            half.cut();
            half.headers = headers;
            half.buffer = if end { Vec::new() } else { body };
            half.trailers = None;
            half.ended = true;
            half.release();
            self.released(id, Direction::Response);
            return;
        }
        self.arrive(id, Direction::Response, Part::Headers(headers, end));
        if !end {
            self.arrive(id, Direction::Response, Part::Body(body, true));
        }
    }

    fn reset(&mut self, id: ExchangeId) {
        if let Some(exchange) = self.live(id) {
            exchange.reset = true;
            self.finish(id);
        }
    }

    /// The callback of an exchange has failed: the proxy answers, without the filter.
    fn fail(&mut self, id: ExchangeId) {
        if let Some(cx) = self.live(id).and_then(|exchange| exchange.cx.take()) {
            self.world_mut().contexts.remove(&cx);
        }
        self.reply(id, unavailable());
    }

    /// Ends an exchange: `on_log`, `on_done`, `on_delete`, in Envoy's order.
    pub(super) fn finish(&mut self, id: ExchangeId) {
        let Some(exchange) = self.live(id) else { return };
        exchange.over = true;
        exchange.request.cut();
        exchange.response.cut();
        exchange.logging = true;
        let Some(cx) = exchange.cx.take() else { return };
        let logged = self.vm.log(cx);
        if let Some(exchange) = self.world_mut().exchanges.get_mut(&id) {
            exchange.logging = false;
        }
        // A dead VM has nothing to say about the end of its exchanges.
        if logged.is_ok() && self.vm.done(cx) == Ok(true) {
            self.delete(cx);
        }
    }

    /// Deletes a context that has said that it is done.
    fn delete(&mut self, cx: ContextId) {
        // An error here is a dead VM: then there is nothing left to delete.
        let _ = self.vm.delete(cx);
        let world = self.world_mut();
        world.contexts.remove(&cx);
        world.ticks.remove(&cx);
        for root in std::mem::take(&mut self.old_roots) {
            self.retire(root);
        }
    }

    /// Ends a root that has been replaced, once its last exchange is gone.
    pub(super) fn retire(&mut self, root: ContextId) {
        if self.vm.streams_of(root) > 0 {
            self.old_roots.push(root);
        } else if self.vm.done(root) == Ok(true) {
            self.delete(root);
        }
    }
}
