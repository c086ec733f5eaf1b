//! The HTML part of a mail: tables and inline styles, which is what mail programs understand, with
//! darker colours where they ask for them.

use std::fmt::Write as _;

use model::notification::Notification;

use crate::digest::Digest;
use crate::text::{html, link, one_line};

/// Colours that change in the dark; the others are inline. Outlook and Gmail keep the inline ones.
const STYLE: &str = "\
:root{color-scheme:light dark;supported-color-schemes:light dark}
@media (max-width:480px){.pad{padding-left:16px!important;padding-right:16px!important}\
.button{display:block!important;margin:0 0 8px 0!important;text-align:center!important}}
@media (prefers-color-scheme:dark){.page{background:#0f1115!important}\
.card{background:#181b21!important;border-color:#2a2f38!important}\
.main{color:#e6e8eb!important}.soft{color:#9aa3ae!important}\
.box{background:#20242c!important;color:#d5d9de!important;border-color:#2a2f38!important}\
.line{border-color:#2a2f38!important}.button{background:#20242c!important;color:#8ab4f8!important;border-color:#3a414d!important}}
";
const FONT: &str = "font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif";
const MONO: &str = "font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace";

/// The whole page.
pub(super) fn page(digest: &Digest, notification: &Notification, problems: Option<&str>) -> String {
    let color = digest.tone.color();
    let title = html(&digest.title());
    let state = html(&digest.state);
    let headline = html(&digest.headline);
    let preview = html(&digest.facts_line());
    let mut body = String::new();
    body.push_str(&facts(digest));
    if let Some(note) = &digest.note {
        body.push_str(&paragraph(note, "main"));
    }
    if let Some(description) = &digest.description {
        body.push_str(&paragraph(description, "main"));
    }
    if let Some(evidence) = &digest.evidence {
        let _ = writeln!(
            body,
            "<p class=\"soft\" style=\"margin:20px 0 6px;font-size:13px;color:#5b6470\">Evidence</p>\
             <p class=\"box\" style=\"margin:0;padding:10px 12px;{MONO};font-size:13px;line-height:1.5;\
             background:#f4f5f7;border:1px solid #e3e6ea;border-radius:4px;color:#24292f;\
             overflow-wrap:anywhere\">{}</p>",
            lines(evidence)
        );
    }
    if let Some(steps) = &digest.next_steps {
        let _ = writeln!(
            body,
            "<p class=\"soft\" style=\"margin:20px 0 6px;font-size:13px;color:#5b6470\">What to do</p>\
             <p class=\"main\" style=\"margin:0;font-size:15px;line-height:1.5;color:#1f2328;\
             font-weight:600;overflow-wrap:anywhere\">{}</p>",
            lines(steps)
        );
    }
    body.push_str(&buttons(digest));
    body.push_str(&others(digest));
    let footer = footer(notification, problems);
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <meta name=\"color-scheme\" content=\"light dark\">\
         <title>{title}</title>\n<style>\n{STYLE}</style></head>\n\
         <body class=\"page\" style=\"margin:0;padding:0;background:#f0f2f5;{FONT}\">\n\
         <div style=\"display:none;max-height:0;overflow:hidden\">{preview}</div>\n\
         <table role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\"><tr>\
         <td align=\"center\" style=\"padding:16px 8px\">\n\
         <table role=\"presentation\" class=\"card\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" \
         style=\"max-width:640px;background:#ffffff;border:1px solid #dfe3e8;border-radius:6px;\
         border-collapse:separate;overflow:hidden\">\n\
         <tr><td class=\"pad\" style=\"padding:14px 24px;background:{color};color:#ffffff;\
         font-size:14px;font-weight:600\">{state}</td></tr>\n\
         <tr><td class=\"pad\" style=\"padding:20px 24px 24px\">\n\
         <p class=\"main\" style=\"margin:0 0 16px;font-size:20px;line-height:1.35;font-weight:600;\
         color:#1f2328;overflow-wrap:anywhere\">{headline}</p>\n{body}</td></tr>\n\
         </table>\n{footer}</td></tr></table>\n</body></html>\n"
    )
}

/// Text with its line ends.
fn lines(text: &str) -> String {
    html(text).replace('\n', "<br>")
}

fn paragraph(text: &str, class: &str) -> String {
    format!(
        "<p class=\"{class}\" style=\"margin:16px 0 0;font-size:15px;line-height:1.5;color:#1f2328;\
         overflow-wrap:anywhere\">{}</p>\n",
        lines(text)
    )
}

fn facts(digest: &Digest) -> String {
    let mut rows = String::new();
    for (name, value) in &digest.facts {
        let _ = writeln!(
            rows,
            "<tr><td class=\"soft\" style=\"padding:3px 16px 3px 0;color:#5b6470;width:72px;\
             vertical-align:top\">{name}</td><td class=\"main\" style=\"padding:3px 0;\
             color:#1f2328;overflow-wrap:anywhere\">{}</td></tr>",
            html(value)
        );
    }
    format!(
        "<table role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" \
         style=\"font-size:14px;line-height:1.5;table-layout:fixed\">\n{rows}</table>\n"
    )
}

fn buttons(digest: &Digest) -> String {
    if digest.links.is_empty() {
        return String::new();
    }
    let mut all = String::from("<p style=\"margin:24px 0 0;font-size:14px;line-height:2.6\">");
    for link in &digest.links {
        let _ = write!(
            all,
            "<a class=\"button\" href=\"{}\" style=\"display:inline-block;margin:0 8px 0 0;\
             padding:0 14px;line-height:34px;border:1px solid #c9d1d9;border-radius:4px;\
             background:#f6f8fa;color:#0b57d0;text-decoration:none\">{}</a>",
            html(&link.url),
            link.label
        );
    }
    all.push_str("</p>\n");
    all
}

fn others(digest: &Digest) -> String {
    let Some(heading) = digest.others_heading() else { return String::new() };
    let mut rows = String::new();
    for other in &digest.others {
        let _ = writeln!(
            rows,
            "<tr><td class=\"line\" style=\"padding:8px 10px 8px 0;border-top:1px solid #e3e6ea;\
             width:10px;vertical-align:top;color:{}\">&#9679;</td>\
             <td class=\"line main\" style=\"padding:8px 0;border-top:1px solid #e3e6ea;color:#1f2328;\
             overflow-wrap:anywhere\">{}<span class=\"soft\" style=\"color:#5b6470\">, {}</span></td></tr>",
            other.tone.color(),
            html(&other.text),
            html(&other.when)
        );
    }
    if digest.unlisted > 0 {
        let _ = writeln!(
            rows,
            "<tr><td class=\"line\" style=\"border-top:1px solid #e3e6ea;width:10px\"></td>\
             <td class=\"line soft\" style=\"padding:8px 0;border-top:1px solid #e3e6ea;\
             color:#5b6470\">and {} more</td></tr>",
            digest.unlisted
        );
    }
    format!(
        "<p class=\"soft\" style=\"margin:24px 0 8px;font-size:13px;color:#5b6470\">{heading}</p>\n\
         <table role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" \
         style=\"font-size:14px;line-height:1.45\">\n{rows}</table>\n"
    )
}

fn footer(notification: &Notification, problems: Option<&str>) -> String {
    let receiver = html(&one_line(&notification.receiver));
    let mut text = format!("Sent by etcd-monitor to {receiver}");
    if let Some(url) = link(&notification.external_url) {
        let url = html(url);
        let _ = write!(
            text,
            " &middot; <a class=\"soft\" href=\"{url}\" style=\"color:#5b6470\">{url}</a>"
        );
    }
    if let Some(problems) = problems {
        let _ = write!(text, "<br>{}", html(problems));
    }
    format!(
        "<p class=\"soft\" style=\"margin:12px 0 0;font-size:12px;line-height:1.5;color:#5b6470;\
         overflow-wrap:anywhere\">{text}</p>\n"
    )
}
