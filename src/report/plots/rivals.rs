//! Draws the tokens that block most others.

use std::collections::BTreeMap;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use super::Figure;
use super::canvas::{Colour, Form, draw_hovering, isolated, letters};
use crate::report::results::Reported;
use crate::report::results::verdicts::Outcome;
use crate::report::shown::Shown;
use crate::report::terms::Terms;
use crate::report::words::grouped;

/// The most rivals shown.
const LISTED: usize = 20;
/// The height of a line in pixels.
const LINE: i32 = 22;

/// The rivals that occur most often in proofs; `None` without a losing token.
pub fn figure(reported: &Reported) -> Option<Figure> {
    let mut blocked = BTreeMap::<u32, usize>::new();
    let mut losing = 0;
    for row in reported.results.table.having(Outcome::Unargmaxable) {
        losing += 1;
        row.rivals().for_each(|(rival, _)| *blocked.entry(rival).or_default() += 1);
    }
    let rivals = blocked.len();
    let mut listed: Vec<(u32, usize)> = blocked.into_iter().collect();
    listed.sort_by_key(|&(id, count)| (std::cmp::Reverse(count), id));
    listed.truncate(LISTED);
    let most = listed.first()?.1;
    let name = |id: u32, characters: usize| match reported.token(id) {
        Some(row) => Shown::of(row).short(characters),
        None => format!("#{id}"),
    };
    let terms = reported.terms();
    let Terms { token, titled, .. } = terms;
    let caption = format!(
        "In how many of the {} proofs a {token} serves as a rival: {} do in all, the bars are the {} that do most often. Another \
         proof of the same verdict could use others.",
        grouped(losing),
        terms.count(rivals),
        listed.len()
    );
    let words: Vec<String> = listed
        .iter()
        .take(5)
        .map(|&(id, count)| {
            format!("{} (id {id}) blocks {}", isolated(&name(id, 24)), grouped(count))
        })
        .collect();
    let alternative = format!("The most frequent rivals: {}.", words.join("; "));
    let picture = |form: Form| {
        let (left, right) = form.pick((200, 60), (120, 44));
        let height = LINE * listed.len() as i32 + 8;
        draw_hovering(form.width(), height as u32, |area, hovers| {
            let room = form.width() as i32 - left - right;
            for (i, &(id, count)) in listed.iter().enumerate() {
                let middle = 4 + LINE * i as i32 + LINE / 2;
                let end =
                    left + (count as f64 / most as f64 * f64::from(room)).round().max(1.0) as i32;
                let ink = letters(13, Colour::Ink, HPos::Right, VPos::Center);
                let muted = letters(12, Colour::Muted, HPos::Left, VPos::Center);
                let label = isolated(&name(id, form.pick(22, 12)));
                area.draw(&Text::new(label, (left - 8, middle), ink))?;
                let bar = [(left, middle - 7), (end, middle + 7)];
                area.draw(&Rectangle::new(bar, Colour::Win.rgb().filled()))?;
                area.draw(&Text::new(count.to_string(), (end + 6, middle), muted))?;
                let says = format!(
                    "{} (id {id}): a rival in {} of {} proofs",
                    isolated(&name(id, 60)),
                    grouped(count),
                    grouped(losing)
                );
                hovers.add((0, middle - LINE / 2), (form.width() as i32, middle + LINE / 2), &says);
            }
            Ok(())
        })
    };
    let title = format!("{titled} that block most others");
    Some(Figure::new("rivals", title, caption, alternative, picture))
}
