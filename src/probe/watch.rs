//! Features are probed once a second.

use std::{
    io,
    rc::Rc,
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
    time::Duration,
};

use tokio::task::{JoinSet, LocalSet};
use tokio_util::sync::CancellationToken;

use crate::{
    client::{Call, Client, ClientSetup, Judge, MemberSetup, Network, PooledClient, RequestId},
    measure::{BinDelta, Recorder, Sample},
    plan::{Origin, Plan, ProbePlan, SeriesId, ServiceId},
    scenario::model::Reuse,
    time::{Clock, Offset},
};

/// How often each feature is probed.
pub const PROBE_EVERY: Duration = Duration::from_secs(1);
/// How long a probe waits for its answer.
pub const PROBE_TIMEOUT: Duration = Duration::from_secs(2);
/// Connections that the probes of one feature may have open at once: those of its last seconds.
const CONNECTIONS_EACH: usize = 4;

/// Probing under way.
#[derive(Debug)]
pub struct ProbeHandle {
    recorder: Arc<Mutex<Recorder>>,
    thread: JoinHandle<()>,
}

/// One feature's probe.
#[derive(Debug, Clone)]
struct Probe {
    series: SeriesId,
    service: ServiceId,
    request: ProbePlan,
    judge: Judge,
}

/// Starts probing every feature that has a probe, from the clock's zero to the plan's end.
///
/// # Errors
/// When the thread or its runtime cannot be made.
pub fn spawn(
    plan: &Plan,
    network: Arc<Network>,
    clock: Clock,
    cancel: CancellationToken,
) -> io::Result<ProbeHandle> {
    let probes = probes(plan)?;
    let recorder = Recorder::new(plan.measure.bin, plan.series.len());
    let recorder = Arc::new(Mutex::new(recorder));
    let into = Arc::clone(&recorder);
    let end = Offset(plan.length);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let body = move || {
        let local = LocalSet::new();
        let work = watch(probes, network, clock, end, into);
        runtime.block_on(async {
            tokio::select! {
                biased;
                () = cancel.cancelled() => {}
                () = local.run_until(work) => {}
            }
        });
        drop(local);
        // a look-up that hangs in the system's resolver must not hold the end up
        runtime.shutdown_background();
    };
    let thread = std::thread::Builder::new()
        .name("probe".to_owned())
        .spawn(body)?;
    Ok(ProbeHandle { recorder, thread })
}

impl ProbeHandle {
    /// What was measured since the last time.
    #[must_use]
    pub fn drain(&self) -> BinDelta {
        let mut recorder = self.recorder.lock().unwrap_or_else(PoisonError::into_inner);
        recorder.take()
    }

    /// Whether the last probe has ended.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.thread.is_finished()
    }
}

fn probes(plan: &Plan) -> io::Result<Vec<Probe>> {
    let mut probes = Vec::new();
    for (series, id) in plan.series.iter().zip(0u16..) {
        if series.origin != Origin::Probe {
            continue;
        }
        let service = &plan.services[usize::from(series.service.0)];
        let feature = service
            .features
            .iter()
            .find(|f| Some(&f.name) == series.feature.as_ref());
        let Some((feature, request)) = feature.and_then(|f| f.probe.as_ref().map(|p| (f, p)))
        else {
            continue;
        };
        probes.push(Probe {
            series: SeriesId(id),
            service: series.service,
            request: request.clone(),
            judge: Judge::new(&[], &feature.fallback, &[]).map_err(io::Error::other)?,
        });
    }
    Ok(probes)
}

async fn watch(
    probes: Vec<Probe>,
    network: Arc<Network>,
    clock: Clock,
    end: Offset,
    recorder: Arc<Mutex<Recorder>>,
) {
    let own = MemberSetup {
        reuse: Reuse::None,
        resolvers: 1,
        ..MemberSetup::default()
    };
    let setup = ClientSetup {
        members: vec![own; probes.len()],
        connections: probes.len() * CONNECTIONS_EACH,
        worker: 0,
        workers: 1,
    };
    let client = Rc::new(PooledClient::new(network, &setup));
    let probes: Rc<[Probe]> = probes.into();
    let count = u32::try_from(probes.len()).unwrap_or(u32::MAX).max(1);
    let mut under_way = JoinSet::new();
    let mut numbers = 0u64..;
    for second in 0u32.. {
        for (who, probe) in (0u16..).zip(probes.iter()) {
            // the features' probes are spread over the second
            let due = Offset(PROBE_EVERY * second + PROBE_EVERY / count * u32::from(who));
            if due >= end {
                while under_way.join_next().await.is_some() {}
                return;
            }
            tokio::time::sleep_until(clock.instant(due)).await;
            while under_way.try_join_next().is_some() {}
            let (client, probe) = (Rc::clone(&client), probe.clone());
            let recorder = Arc::clone(&recorder);
            let number = numbers.next().unwrap_or_default();
            under_way.spawn_local(async move {
                let sample = ask(&*client, who, &probe, number, clock, due).await;
                let mut recorder = recorder.lock().unwrap_or_else(PoisonError::into_inner);
                recorder.record(&sample);
            });
        }
        if probes.is_empty() {
            return;
        }
    }
}

async fn ask(
    client: &impl Client,
    who: u16,
    probe: &Probe,
    number: u64,
    clock: Clock,
    due: Offset,
) -> Sample {
    let mut session = client.session(who, number);
    let call = Call {
        id: RequestId::Probe(number),
        service: probe.service,
        method: probe.request.method,
        path: &probe.request.path,
        headers: &[],
        body: None,
        deadline: clock.instant(due.plus(PROBE_TIMEOUT)),
        connect_timeout: PROBE_TIMEOUT,
        first_byte_timeout: None,
        keep_body: probe.judge.wants_body(),
        keep_headers: probe.judge.wants_headers(),
    };
    let exchange = client.send(&mut session, call).await;
    let service = exchange.service_time();
    let outcome = match &exchange.result {
        Ok(answer) => probe.judge.judge(answer, service.unwrap_or_default()).0,
        Err(outcome) => *outcome,
    };
    Sample {
        series: probe.series,
        intended: due,
        outcome,
        first: true,
        injected: exchange.injected,
        response: exchange.ended.saturating_duration_since(clock.instant(due)),
        service,
    }
}
