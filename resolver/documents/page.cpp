// The markup, and the assembly of the page. The script fills it; style and script are in page_style.cpp and page_script.cpp.
#include "resolver/documents/page.hpp"

#include "resolver/documents/json_writer.hpp"
#include "resolver/documents/page_parts.hpp"
#include "resolver/failover/failovers.hpp"

namespace lictor::documents {
namespace {

constexpr std::string_view page = R"page(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>lictor</title>
<link rel="icon" href="data:,">
<style nonce="@NONCE@">@STYLE@</style>
</head>
<body>
<header><h1>lictor <span id="host"></span></h1><span id="facts" class="soft"></span></header>
<section id="banner" class="banner notice" aria-label="State"><p id="worst">Waiting for the first document.</p><ul id="others"></ul></section>
<noscript><p>The page needs JavaScript. The documents below can be read without it.</p></noscript>
<div id="said" class="unseen" role="status"></div>
<main>
  <section class="card two table" aria-labelledby="h-leaders"><h2 id="h-leaders">Leaders</h2><div id="leaders"></div></section>
  <section class="card third table" aria-labelledby="h-consul"><h2 id="h-consul">Consul</h2><div class="row"><span id="contact" class="pill wait"></span></div><dl id="consul"></dl></section>
  <section class="card quarter" aria-labelledby="h-queries"><h2 id="h-queries">Queries</h2><div id="queries"></div></section>
  <section class="card quarter" aria-labelledby="h-rtt"><h2 id="h-rtt">Quickest upstream</h2><div id="rtt"></div></section>
  <section class="card quarter" aria-labelledby="h-hits"><h2 id="h-hits">Cache hits</h2><div id="hits"></div></section>
  <section class="card quarter" aria-labelledby="h-waiting"><h2 id="h-waiting">Waiting queries</h2><div id="waiting"></div></section>
  <section class="card" aria-labelledby="h-failovers"><h2 id="h-failovers">Changes of leader</h2><div id="failovers"></div><p id="no_failovers" class="soft" hidden>None since the start.</p></section>
  <section class="card" aria-labelledby="h-services"><h2 id="h-services">Services</h2>
    <form id="narrow" class="row" role="search"><label class="wide">Show services whose name, tag, address or answer contains<input id="filter" type="search" maxlength="255" autocomplete="off" spellcheck="false"></label></form>
    <div id="services"></div><button id="more_services" class="more" type="button" hidden></button></section>
  <section class="card two table" aria-labelledby="h-upstreams"><h2 id="h-upstreams">Upstreams</h2><div id="upstreams"></div></section>
  <section class="card third table" aria-labelledby="h-answers"><h2 id="h-answers">Answers by source</h2><div id="answers"></div></section>
  <section class="card two" aria-labelledby="h-ask"><h2 id="h-ask">Explain a name</h2>
    <form id="ask"><label class="wide">Name<input id="ask_name" name="name" required maxlength="255" placeholder="master.pg.service.consul" autocomplete="off" spellcheck="false"></label>
      <label>Type<input id="ask_type" name="type" value="A" size="6" maxlength="12" autocomplete="off"></label><button>Explain</button></form>
    <div id="explained" role="status"></div></section>
  <section class="card third" aria-labelledby="h-cache"><h2 id="h-cache">Cache</h2>
    <progress id="full" max="1" value="0" aria-label="Part of the cache that is in use"></progress><dl id="cache"></dl>
    <form id="flush"><label class="wide">Flush at or below this name; empty: everything<input id="flush_name" maxlength="255" autocomplete="off" spellcheck="false"></label><button>Flush</button></form>
    <div id="flushed" role="status"></div></section>
  <section class="card two" aria-labelledby="h-log"><h2 id="h-log">Last warnings in the log</h2><ul id="log" class="log"></ul><p id="no_log" class="soft">None since the start.</p></section>
  <section class="card third" aria-labelledby="h-process"><h2 id="h-process">Process</h2><dl id="process"></dl></section>
  <section class="card" aria-labelledby="h-watches"><h2 id="h-watches">Watches on Consul</h2><details id="watches_fold"><summary id="watches_sum">Watches</summary><div id="watches"></div></details></section>
</main>
<nav aria-label="Documents"><span class="soft">Documents:</span>@LINKS@</nav>
<script nonce="@NONCE@">@SCRIPT@</script>
</body>
</html>
)page";

std::string phases_json() {
    JsonWriter json;
    json.open_list();
    for (std::size_t i = 0; i < failover::failover_phases; ++i) {
        const auto phase = static_cast<failover::FailoverPhase>(i);
        json.open_list().text(failover::word(phase)).text(failover::sentence(phase)).close_list();
    }
    json.close_list();
    return json.take();
}

struct Mark {
    std::string_view name, text;
};

/// `text` with each mark replaced; texts that were put in are not searched again.
std::string replaced(std::string_view text, const std::vector<Mark>& marks) {
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
        const auto at = text.find('@');
        out += text.substr(0, at);
        if (at == std::string_view::npos) break;
        text.remove_prefix(at);
        std::size_t taken = 0;
        for (const auto& mark : marks)
            if (text.starts_with(mark.name)) {
                out += mark.text;
                taken = mark.name.size();
            }
        if (taken == 0) out += text.substr(0, taken = 1);
        text.remove_prefix(taken);
    }
    return out;
}

}  // namespace

std::string stats_page(std::string_view nonce, const std::vector<std::string_view>& paths) {
    std::string links;
    for (const auto path : paths)  // relative: the page may be below a prefix of a proxy
        links += "<a href=\"" + std::string(path.substr(1)) + "\">" + std::string(path) + "</a>";
    const auto phases = phases_json();
    const auto script = replaced(page_script(), {{"@PHASES@", phases}});
    return replaced(page, {{"@NONCE@", nonce}, {"@STYLE@", page_style()}, {"@LINKS@", links}, {"@SCRIPT@", script}});
}

}  // namespace lictor::documents
