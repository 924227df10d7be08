// SPDX-License-Identifier: MIT OR Apache-2.0
//! tower's balancer over services that are always ready and answer at once: a pick is poll_ready, call, and the answer
//! polled to its end, by which the load of the node is told. One task owns a balancer, so no second thread may pick.

use protocol::{Case, Scene};
use std::cell::UnsafeCell;
use std::convert::Infallible;
use std::fmt::Debug;
use std::future::{Future, Ready, ready};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tower::Service;
use tower::balance::p2c::Balance;
use tower::discover::ServiceList;
use tower::load::{CompleteOnResponse, Constant, Load, PeakEwma, PendingRequests};

struct Answering(usize);

impl Service<()> for Answering {
    type Response = usize;
    type Error = Infallible;
    type Future = Ready<Result<usize, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, (): ()) -> Self::Future {
        ready(Ok(self.0))
    }
}

/// A service with one of the crate's measures of load.
trait Loaded: Service<(), Response = usize, Error = Infallible> + Load<Metric: Debug> + Send + 'static {
    fn wrap(service: Answering, load: f64) -> Self;
}

impl Loaded for Constant<Answering, f64> {
    fn wrap(service: Answering, load: f64) -> Self {
        Constant::new(service, load)
    }
}

impl Loaded for PendingRequests<Answering> {
    fn wrap(service: Answering, _: f64) -> Self {
        PendingRequests::new(service, CompleteOnResponse::default())
    }
}

impl Loaded for PeakEwma<Answering> {
    fn wrap(service: Answering, _: f64) -> Self {
        PeakEwma::new(service, Duration::from_millis(1), 10e9, CompleteOnResponse::default())
    }
}

type Balancer<S> = Balance<ServiceList<Vec<S>>, ()>;

/// What one thread at a time may use, as Case::alone sees to.
struct Alone<T>(UnsafeCell<T>);
unsafe impl<T> Sync for Alone<T> {}

fn pick<S: Loaded>(balancer: &Alone<Balancer<S>>) -> usize {
    let balancer = unsafe { &mut *balancer.0.get() };
    let mut context = Context::from_waker(Waker::noop());
    let ready = balancer.poll_ready(&mut context);
    assert!(matches!(ready, Poll::Ready(Ok(()))), "services are always ready");
    match pin!(balancer.call(())).poll(&mut context) {
        Poll::Ready(Ok(node)) => node,
        _ => panic!("services answer at once"),
    }
}

/// Ends with a pick, by which all services have become ready.
fn open<S: Loaded>(loads: &Vec<f64>) -> Alone<Balancer<S>> {
    let services = loads.iter().enumerate().map(|(i, &load)| S::wrap(Answering(i), load)).collect();
    let balancer = Alone(UnsafeCell::new(Balance::new(ServiceList::new::<()>(services))));
    pick(&balancer);
    balancer
}

fn case<S: Loaded>(name: &'static str) -> Case {
    Case::new(name, |scene: &Scene| scene.loads.clone(), open::<S>, |_, balancer, _| pick(balancer)).alone()
}

pub const PEERS: [&str; 1] = ["tower 0.5.3"];

pub fn cases() -> Vec<Case> {
    vec![
        case::<Constant<Answering, f64>>("tower/p2c"),
        case::<PendingRequests<Answering>>("tower/p2c_inflight").beside("loadwise-pool"),
        case::<PeakEwma<Answering>>("tower/p2c_peak_ewma"),
    ]
}
