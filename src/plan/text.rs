//! A described plan as text for a terminal. Pure: says nothing by itself.

use std::fmt::Write as _;

use tabled::{
    builder::Builder,
    settings::{Alignment, Padding, Style, object::Columns},
};

use super::{
    crowd::{CrowdDescription, few_to_many},
    describe::{Description, Reach},
    limits::rounded,
};
use crate::{
    time::{Offset, Story},
    units::{Rate, Span},
};

impl Description {
    /// As people read it: sections with tables, 80 to 120 columns wide. `colour` makes the titles
    /// bold; nothing else depends on it.
    #[must_use]
    pub fn to_text(&self, colour: bool) -> String {
        let mut page = Page {
            text: String::new(),
            colour,
        };
        self.head(&mut page);
        self.timeline_table(&mut page);
        self.load_table(&mut page);
        page.list("How clients behave", &self.clients);
        self.touches_table(&mut page);
        self.faults_table(&mut page);
        self.claims(&mut page);
        self.remarks(&mut page);
        page.text
    }

    fn head(&self, page: &mut Page) {
        page.title(&self.title);
        page.line(&format!(
            "  scenario {} on target {} ({}), load {}, time {}, seed {}",
            self.scenario,
            self.target,
            self.environment,
            percent(self.load_scale),
            self.time_scale,
            self.seed.0,
        ));
        page.line(&format!(
            "  takes {} of real time, for {} of story; nothing was sent",
            Span(whole(Offset(self.length)).0),
            self.timeline
                .last()
                .map_or_else(Story::default, |end| end.story),
        ));
    }

    fn timeline_table(&self, page: &mut Page) {
        page.title("What happens when");
        let rows = self.timeline.iter().map(|moment| {
            let about = if moment.about { "~" } else { "" };
            [
                format!("{about}{}", whole_story(moment.story)),
                format!("{about}{}", whole(moment.real)),
                moment.what.clone(),
                moment.place.clone(),
            ]
        });
        page.table(["story", "real", "what", "where, load"], rows, 2);
        let (from, to) = self.baseline;
        page.line(&format!(
            "  baseline: {} to {}, real",
            whole(from),
            whole(to)
        ));
    }

    fn load_table(&self, page: &mut Page) {
        page.title("How much comes");
        let rows = self.needs.populations.iter().map(|p| {
            let known = |text: String| match p.users {
                None => text,
                Some(_) => UNKNOWN.to_owned(),
            };
            [
                p.name.clone(),
                known(grouped(p.arrivals)),
                known(grouped(p.requests)),
                known(per_second(p.highest_arrivals)),
                known(per_second(p.highest_requests)),
                known(per_second(p.highest_attempts)),
                grouped(p.in_flight),
            ]
        });
        let needs = &self.needs;
        let total = [
            "in all".to_owned(),
            grouped(needs.populations.iter().map(|p| p.arrivals).sum()),
            grouped(needs.populations.iter().map(|p| p.requests).sum()),
            String::new(),
            per_second(needs.requests),
            per_second(needs.attempts),
            grouped(needs.in_flight),
        ];
        let headings = [
            "population",
            "journeys",
            "requests",
            "most journeys",
            "most requests",
            "with retries",
            "in flight",
        ];
        page.table(headings, rows.chain([total]), headings.len());
        page.line(&format!(
            "  in flight and with retries: at worst, if nothing is answered; then {} descriptors \
             and {} local ports are taken",
            grouped(needs.descriptors),
            grouped(needs.ports),
        ));
        self.users_table(page);
    }

    fn users_table(&self, page: &mut Page) {
        if self.users.is_empty() {
            return;
        }
        page.title("How many users are there");
        let rows = self.users.iter().flat_map(|crowd: &CrowdDescription| {
            let (short, long) = crowd.pause;
            let pause = match short == long {
                true => Span(short).to_string(),
                false => format!("{} to {}", Span(short), Span(long)),
            };
            let phases = crowd.phases.iter().map(|(phase, few, many)| {
                let users = few_to_many(*few, *many);
                [
                    crowd.population.clone(),
                    phase.clone(),
                    users,
                    pause.clone(),
                ]
            });
            let name = crowd.population.clone();
            let most = [
                name,
                "at most".into(),
                crowd.most.to_string(),
                String::new(),
            ];
            phases.chain([most]).collect::<Vec<_>>()
        });
        page.table(["population", "phase", "users", "pause"], rows, 0);
        page.line(
            "  a user begins again when its journey has ended and its pause is over: a slow target is \
             asked less often",
        );
    }

    fn touches_table(&self, page: &mut Page) {
        page.title("What is touched");
        let touches = &self.touches;
        let starts = touches
            .starts
            .iter()
            .map(|(service, command)| ["starts".into(), service.clone(), command.join(" ")]);
        let disks = touches
            .disks
            .iter()
            .map(|(service, disk)| ["mounts".into(), service.clone(), disk.clone()]);
        let binds = touches.binds.iter().map(|(address, what)| {
            let address = match address.port() {
                0 => format!("{}, any free port", address.ip()),
                _ => address.to_string(),
            };
            ["listens".into(), address, what.clone()]
        });
        let dials = touches
            .dials
            .iter()
            .map(|(to, service)| ["dials".into(), to.clone(), service.clone()]);
        let answers = touches.answers.iter().map(|name| {
            let what = "answered by brownout's own name server".to_owned();
            ["names".into(), name.clone(), what]
        });
        let rows: Vec<_> = starts
            .chain(disks)
            .chain(binds)
            .chain(dials)
            .chain(answers)
            .collect();
        page.rows(&rows, 0);
    }

    fn faults_table(&self, page: &mut Page) {
        if self.faults.is_empty() {
            return;
        }
        page.title("How far each fault can reach");
        let list = |names: &[String]| match names {
            [] => "none".to_owned(),
            names => names.join(", "),
        };
        for Reach {
            fault,
            at,
            does,
            services,
            features,
            populations,
        } in &self.faults
        {
            page.line(&format!("  {fault} at {at}: {does}"));
            page.line(&format!("    services     {}", list(services)));
            page.line(&format!("    features     {}", list(features)));
            page.line(&format!("    populations  {}", list(populations)));
        }
    }

    fn claims(&self, page: &mut Page) {
        for (title, claims) in [
            ("What is healthy", &self.steady_state),
            ("What history saw", &self.symptoms),
            ("What must hold", &self.gates),
            ("What ends the run early", &self.stop),
        ] {
            page.list(title, claims);
        }
    }

    fn remarks(&self, page: &mut Page) {
        let assumptions: Vec<String> = self
            .assumptions
            .iter()
            .map(|a| {
                let kind = if a.assumed { " (assumed)" } else { "" };
                match a.note.as_str() {
                    "" => format!("{}{kind}", a.about),
                    note => format!("{}{kind}: {note}", a.about),
                }
            })
            .collect();
        page.list("Where the numbers come from", &assumptions);
        page.list("Advice", &self.advice);
    }
}

/// What stands in place of a number that nobody knows beforehand.
const UNKNOWN: &str = "-";

/// A text under construction.
struct Page {
    text: String,
    colour: bool,
}

impl Page {
    fn line(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    fn title(&mut self, title: &str) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        if self.colour {
            // writing to a String cannot fail
            let _ = writeln!(self.text, "{}", owo_colors::OwoColorize::bold(&title));
        } else {
            self.line(title);
        }
    }

    fn list(&mut self, title: &str, items: &[String]) {
        if items.is_empty() {
            return;
        }
        self.title(title);
        for item in items {
            self.line(&format!("  {item}"));
        }
    }

    /// A table whose first `numbers` columns but the very first are aligned to the right.
    fn table<const N: usize>(
        &mut self,
        headings: [&str; N],
        rows: impl Iterator<Item = [String; N]>,
        numbers: usize,
    ) {
        let rows: Vec<_> = [headings.map(str::to_owned)]
            .into_iter()
            .chain(rows)
            .collect();
        self.rows(&rows, numbers);
    }

    fn rows<const N: usize>(&mut self, rows: &[[String; N]], numbers: usize) {
        let mut builder = Builder::new();
        for row in rows {
            builder.push_record(row);
        }
        let mut table = builder.build();
        table.with(Style::empty()).with(Padding::new(2, 0, 0, 0));
        let right = if numbers == N { 1..N } else { 0..numbers };
        table.modify(Columns::new(right), Alignment::right());
        for line in table.to_string().lines() {
            self.line(line);
        }
    }
}

/// Tenths of a second are enough for people.
fn whole(at: Offset) -> Offset {
    let tenths = (at.0.as_secs_f64() * 10.0).round() / 10.0;
    Offset::from_secs_f64(tenths)
}

/// The story in whole seconds.
fn whole_story(story: Story) -> Story {
    Story(std::time::Duration::from_secs(
        story.0.as_secs_f64().round() as u64,
    ))
}

fn per_second(rate: Rate) -> String {
    rounded(rate).to_string()
}

/// `12_345`: as it is written in the files.
fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('_');
        }
        text.push(digit);
    }
    text
}

fn percent(share: f64) -> String {
    let text = format!("{:.4}", share * 100.0);
    format!("{}%", text.trim_end_matches('0').trim_end_matches('.'))
}
