//! The page that a browser sees: what this is, and how to connect. No scripts, nothing from elsewhere.

use crate::config::GatewaySettings;

/// Allows the page's own style and nothing else.
pub(super) const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// The page; `host` is the name by which the browser came here.
pub(super) fn page(gateway: &GatewaySettings, host: &str) -> String {
    let (name, host) = (escape(&gateway.display_name), escape(host));
    let help = gateway.help_desk.as_deref().map(escape);
    let help = help.map(|text| format!("<p>Questions: {text}</p>")).unwrap_or_default();
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{name}</title>\n\
         <style>body{{font:1rem/1.5 system-ui,sans-serif;max-width:40rem;margin:4rem auto;padding:0 1rem}}\
         code{{background:#eee;color:#111;padding:.1em .3em}}</style>\n</head>\n<body>\n<h1>{name}</h1>\n\
         <p>This is a gateway for secure remote access. It is not used with a browser, but with a client.</p>\n\
         <ul>\n<li>With Praya: <code>praya login {host}</code></li>\n\
         <li>With openconnect: <code>openconnect https://{host}/</code></li>\n</ul>\n{help}\n</body>\n</html>\n"
    )
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_into_the_page_stays_text() {
        let gateway = GatewaySettings {
            names: vec![],
            display_name: "<b>Praya</b>".into(),
            help_desk: Some("IT & co".into()),
        };
        let page = page(&gateway, "\"><script>alert(1)</script>");
        assert!(!page.contains("<script") && !page.contains("<b>"), "{page}");
        assert!(page.contains("IT &amp; co"));
    }
}
