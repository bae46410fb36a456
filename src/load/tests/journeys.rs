//! Which way journeys go: by weight, by how a request ended, and by rows of data.

use super::*;
use crate::{
    plan::WayPlan,
    scenario::model::{Branch, BranchOn, Check, CsvSource, DataSource, RowOrder, Rows, StatusSet},
};

/// Which steps each arrival sent, in order of the arrivals.
fn walked(server: &Server, arrivals: usize) -> Vec<Vec<u64>> {
    let mut steps = vec![Vec::new(); arrivals];
    for seen in server.seen() {
        steps[seen.id()[1] as usize].push(seen.id()[2]);
    }
    steps
}

fn status(code: u16) -> BranchOn {
    BranchOn::Status(StatusSet(vec![(code, code)]))
}

#[tokio::test]
async fn a_mix_of_journeys_is_walked_by_weight_and_by_seed() {
    let mut all = Vec::new();
    for workers in [1, 2, 4] {
        let server = Server::start(|_| answer(200, "", r#"{"pin": "taken"}"#));
        let mut login = request(0, Method::Get, "/login");
        login.take = vec![take("pin", "$.pin")];
        let steps = vec![
            StepPlan::Request(login),
            get(1, "/book/{{pin}}"),
            get(2, "/look/{{pin}}"),
        ];
        let mut plan = load_plan(&server, 200, steps, ClientPolicy::default());
        plan.populations[0].journey.ways = [(3, 0..2), (1, 2..3)]
            .map(|(weight, steps)| WayPlan {
                name: format!("way_{weight}"),
                weight,
                steps,
            })
            .into();
        assert!((plan.populations[0].journey.requests() - 1.75).abs() < 1e-9);
        let drained = run(plan, 1, workers).await;
        assert_eq!(journeys(&drained), (200, 200, 0));
        let ways = walked(&server, 200);
        let looked = ways.iter().filter(|way| **way == [2]).count();
        let booked = ways.iter().filter(|way| **way == [0, 1]).count();
        assert_eq!(looked + booked, 200);
        assert!((30..70).contains(&looked), "{looked} of 200 are a quarter");
        for seen in server.seen() {
            // what the other journey takes does not hide this one's data
            let data = seen.path().starts_with("/look/1") && seen.path().len() == 12;
            assert_eq!(seen.path().contains("look"), data, "{}", seen.path());
        }
        all.push(ways);
    }
    assert_eq!(all[0], all[1]);
    assert_eq!(all[0], all[2]);
}

#[tokio::test]
async fn a_journey_turns_by_how_a_request_ended() {
    let server = Server::start(|seen| match (seen.path(), seen.id()[1]) {
        ("/book", 0) => answer(404, "", ""),
        ("/book", 1) => answer(429, "", ""),
        ("/book", 2) => answer(409, "", ""),
        ("/book", 3) => answer(500, "", ""),
        _ => answer(200, "", ""),
    });
    let mut book = request(0, Method::Get, "/book");
    // sold out is an answer, too
    book.check = vec![Check::Status(StatusSet(vec![(200, 200), (404, 404)]))];
    book.then = vec![
        Branch {
            on: status(404),
            to: None,
        },
        Branch {
            on: BranchOn::Failed(RetryOn::Shed),
            to: Some(2),
        },
        Branch {
            on: status(409),
            to: None,
        },
    ];
    let steps = vec![StepPlan::Request(book), get(1, "/pay"), get(2, "/look")];
    let plan = load_plan(&server, 5, steps, ClientPolicy::default());
    let drained = run(plan, 1, 2).await;
    assert_eq!(
        walked(&server, 5),
        [vec![0], vec![0, 2], vec![0], vec![0], vec![0, 1, 2]]
    );
    // 404 was good and the last went through; the others went on, but were not good
    assert_eq!(journeys(&drained), (5, 2, 3));
}

#[tokio::test]
async fn rows_of_a_file_are_sent_together() {
    let server = Server::start(|_| answer(200, "", ""));
    let steps = vec![get(0, "/{{people.mobile}}/{{people.name}}")];
    let mut plan = load_plan(&server, 5, steps, ClientPolicy::default());
    let rows = Rows::parse("name,mobile\nAsha,91\nRavi,92\n").expect("a table");
    let people = DataSource::Csv(CsvSource {
        path: "people.csv".into(),
        column: None,
        order: RowOrder::Sequence,
        rows: rows.into(),
    });
    plan.data.push(("people".into(), people));
    run(plan, 1, 2).await;
    let mut paths: Vec<_> = server.seen().iter().map(|s| s.path().to_owned()).collect();
    paths.sort();
    let expected = ["/91/Asha", "/91/Asha", "/91/Asha", "/92/Ravi", "/92/Ravi"];
    assert_eq!(paths, expected);
}
