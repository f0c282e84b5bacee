// Shows the report that stands in this page as JSON. Asks for nothing from anywhere.
(() => {
  const report = JSON.parse(document.getElementById("report").textContent);
  const root = document.documentElement;

  // Making elements.

  const make = (space) => (tag, attributes = {}, ...children) => {
    const element = space ? document.createElementNS(space, tag) : document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else if (value === true) element.setAttribute(name, "");
      else if (value !== false && value != null) element.setAttribute(name, value);
    }
    element.append(...children.flat(Infinity).filter((child) => child != null && child !== false));
    return element;
  };
  const el = make(null);
  const svg = make("http://www.w3.org/2000/svg");
  const section = (id) => document.getElementById(id);

  // Numbers, as people read them.

  const whole = new Intl.NumberFormat("en-US");
  const number = (value) => whole.format(value);
  const counted = (value, one, many) => `${number(value)} ${value === 1 ? one : many}`;
  const compact = (value) => {
    const sizes = [[1e9, "G"], [1e6, "M"], [1e3, "k"]];
    for (const [size, sign] of sizes) {
      if (value >= size * (size === 1e3 ? 10 : 1)) {
        const scaled = value / size;
        return `${scaled.toFixed(scaled < 100 ? 1 : 0)}${sign}`;
      }
    }
    return number(value);
  };
  const dollars = (value) => {
    if (value == null) return "";
    if (value === 0) return "$0";
    // As the command writes it: cents, and below a dollar as many digits as show three of the amount.
    if (value >= 1) return `$${value.toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`;
    const decimals = Math.min(12, 2 - Math.floor(Math.log10(value)));
    // Billionths of thousandths are whole numbers, which halves of binary fractions are not.
    const unit = 10 ** (12 - decimals);
    const shown = Math.round(Math.round(value * 1e12) / unit) / 10 ** decimals;
    const text = shown.toFixed(decimals);
    return `$${text.replace(/(\.\d\d\d*?)0+$/, "$1")}`;
  };
  // Milliseconds.
  const duration = (value) => {
    if (value == null) return "";
    if (value === 0) return "0";
    if (value < 1) return `${(value * 1000).toFixed(0)} µs`;
    if (value < 10) return `${value.toFixed(1)} ms`;
    if (value < 1000) return `${value.toFixed(0)} ms`;
    if (value < 10_000) return `${(value / 1000).toFixed(2)} s`;
    if (value < 100_000) return `${(value / 1000).toFixed(1)} s`;
    const seconds = Math.round(value / 1000);
    const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
    const two = (count) => String(count).padStart(2, "0");
    if (hours > 0) return `${number(hours)} h ${two(minutes)} min`;
    return `${minutes} min ${two(seconds % 60)} s`;
  };
  const bytes = (value) => {
    if (value < 10_000) return `${number(value)} bytes`;
    return value < 1e6 ? `${(value / 1e3).toFixed(0)} kB` : `${(value / 1e6).toFixed(1)} MB`;
  };
  const moment = (value) => `${new Date(value).toISOString().slice(0, 19).replace("T", " ")} UTC`;
  const percent = (part, of) => (of > 0 ? `${((100 * part) / of).toFixed(part / of < 0.1 ? 1 : 0)} %` : "");

  // Small parts of the page.

  /// Buttons of which one is pressed.
  let choices = 0;
  const choice = (label, options, chosen) => {
    const name = `choice-${(choices += 1)}`;
    return el("span", { class: "choice", role: "radiogroup", "aria-label": label },
      options.map(([text, value], place) => el("label", {},
        el("input", { type: "radio", name, checked: place === 0, onchange: () => chosen(value) }), text)));
  };
  const head = (id, ...controls) => {
    const title = section(id).querySelector("h2");
    const line = el("div", { class: "head" });
    title.replaceWith(line);
    line.append(title, el("span", { class: "space" }), ...controls);
  };

  /// A path that is broken behind its strokes, if it has to be.
  const breakable = (text) => (typeof text !== "string" ? text
    : text.split("/").flatMap((part, place) => (place ? ["/", el("wbr"), part] : [part])));

  /// A table whose columns sort it: { title, of, shown, text, cell, sorts }.
  const table = (caption, columns, rows, total) => {
    let sorted = null;
    const body = el("tbody");
    const heads = columns.map((column, place) => {
      const content = column.sorts === false ? column.title
        : el("button", { type: "button", onclick: () => sort(place) }, column.title);
      return el("th", { scope: "col", class: column.class ?? (column.text ? "text" : null) }, content);
    });
    const cell = (column, row, isFirst) => {
      const value = column.of(row);
      const shown = column.cell ? column.cell(row) : column.shown ? column.shown(value) : value;
      const kind = column.class ?? (column.text ? "text" : value === 0 ? "zero" : null);
      return el(isFirst ? "th" : "td", { class: kind, scope: isFirst ? "row" : null }, column.text ? breakable(shown) : shown ?? "");
    };
    const fill = (list) => body.replaceChildren(...list.map((row) =>
      el("tr", {}, columns.map((column, place) => cell(column, row, place === 0)))));
    const sort = (place) => {
      const column = columns[place];
      const isUp = sorted?.place === place ? !sorted.isUp : Boolean(column.text);
      sorted = { place, isUp };
      heads.forEach((found, other) => {
        if (other === place) found.setAttribute("aria-sort", isUp ? "ascending" : "descending");
        else found.removeAttribute("aria-sort");
      });
      const sign = isUp ? 1 : -1;
      fill([...rows].sort((one, other) => {
        const [a, b] = [column.of(one), column.of(other)];
        // What there is nothing of comes last either way.
        if (a == null || b == null) return (a == null) - (b == null);
        return sign * (typeof a === "string" ? a.localeCompare(b, "en", { numeric: true }) : a - b);
      }));
    };
    fill(rows);
    return el("div", { class: "scroll-x", tabindex: 0, role: "region", "aria-label": caption },
      el("table", {}, el("caption", { class: "visually-hidden" }, caption),
        el("thead", {}, el("tr", {}, heads)), body,
        total && rows.length > 1 && el("tfoot", {}, el("tr", {},
          columns.map((column, place) => cell(column, total, place === 0))))));
  };

  // Light and dark.

  const redraws = [];
  const themes = [["", "Theme: system"], ["light", "Theme: light"], ["dark", "Theme: dark"]];
  let theme = 0;
  const showTheme = () => {
    if (themes[theme][0]) root.dataset.theme = themes[theme][0];
    else delete root.dataset.theme;
    section("theme").textContent = themes[theme][1];
    redraws.forEach((redraw) => redraw());
  };
  section("theme").addEventListener("click", () => {
    theme = (theme + 1) % themes.length;
    showTheme();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", showTheme);
  // A canvas knows no variables: colours are what an element has that uses them.
  const probe = el("span", { hidden: true });
  document.body.append(probe);
  const colour = (name) => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };

  // On paper: light, with all that is folded unfolded, and what is drawn drawn for a sheet.

  const SHEET = 720;
  let folded = [];
  addEventListener("beforeprint", () => {
    folded = [...document.querySelectorAll("details:not([open])")];
    folded.forEach((part) => { part.open = true; });
    root.dataset.paper = "";
    redraws.forEach((redraw) => redraw(SHEET));
  });
  addEventListener("afterprint", () => {
    folded.forEach((part) => { part.open = false; });
    delete root.dataset.paper;
    redraws.forEach((redraw) => redraw());
  });

  // Overview.

  const overview = () => {
    const { total, inputs, source, timeline } = report;
    const about = [`${source.kind === "trace" ? "Trace" : "Journal"} ${source.file}`, bytes(source.bytes)];
    if (timeline.origin != null && timeline.requests > 0) about.push(moment(timeline.origin));
    if (source.goes_on) about.push("a run was writing it when this page was made");
    section("about").textContent = about.join(" · ");
    const figures = [];
    const figure = (name, value, more, kind) => figures.push(el("div", {},
      el("dt", {}, name), el("dd", { class: "value" }, value),
      more && el("dd", { class: `more ${kind ?? ""}` }, more)));
    const begun = inputs.completed + inputs.failed + (inputs.pending ?? 0);
    const ends = [];
    if (inputs.failed) ends.push(`${number(inputs.failed)} failed`);
    if (inputs.pending) ends.push(`${number(inputs.pending)} not finished`);
    figure("Inputs", compact(begun), ends.join(", ") || "all have an output", inputs.failed ? "bad" : "");
    figure("Calls", compact(total.calls),
      total.failed ? `${number(total.failed)} failed` : "none failed", total.failed ? "bad" : "");
    figure("Sent again", compact(total.retries + total.refused),
      total.retries + total.refused ? `${counted(total.retries, "retry", "retries")}, ${number(total.refused)} refused for a limit` : "no retry, no refusal");
    const active = report.runs.reduce((sum, run) => sum + (run.took ?? 0), 0);
    figure("Time", duration(active) || "–", counted(report.runs.length, "run", "runs"));
    figure("Latency", duration(total.latency.p50) || "–",
      total.latency.p95 != null ? `p95 ${duration(total.latency.p95)}, p99 ${duration(total.latency.p99)}` : "no answers");
    figure("Wait before a call", duration(total.waits.p50) || "0",
      total.waits.p95 != null ? `p95 ${duration(total.waits.p95)}, longest ${duration(total.waits.max)}` : null);
    figure("Tokens", compact(total.input_tokens + total.output_tokens),
      `${compact(total.input_tokens)} in, ${compact(total.output_tokens)} out`);
    if (total.cost_usd != null) {
      const unknown = total.unknown_cost ?? 0;
      figure("Cost", unknown && !total.cost_usd ? "unknown" : dollars(total.cost_usd),
        unknown ? `and ${counted(unknown, "answer", "answers")} of unknown cost`
          : inputs.completed ? `${dollars(total.cost_usd / inputs.completed)} for each output` : null);
    }
    section("overview").append(el("dl", { class: "figures" }, figures),
      ...report.notes.map((note) => el("p", { class: "note" },
        note.split("`").map((text, place) => (place % 2 ? el("code", {}, text) : text)))));
  };

  // Latency: rows of histograms on one axis.

  const latency = () => {
    if (!report.by_node.length) {
      section("latency").append(el("p", { class: "said" }, "No request was sent."));
      return;
    }
    const by = { by_node: "node", by_model: "model", by_endpoint: "endpoint" };
    let [grouping, what] = ["by_node", "latency"];
    const place = el("div");
    const show = () => {
      const rows = report[grouping].filter((row) => row[what].count > 0);
      if (!rows.length) {
        place.replaceChildren(el("p", { class: "said" }, "There is nothing to show."));
        return;
      }
      const first = Math.min(...rows.map((row) => row[what].first));
      const last = Math.max(...rows.map((row) => row[what].first + row[what].counts.length));
      const span = Math.max(last - first, 5);
      const x = (bucket) => (100 * (bucket - first)) / span;
      const at = (time) => x(10 * Math.log10(Math.max(time * 1000, 1)));
      const axis = [];
      for (let power = Math.ceil(first / 10); power * 10 <= first + span; power += 1) {
        const shown = duration(10 ** power / 1000);
        const left = x(power * 10);
        const anchor = left > 90 ? "end" : left < 6 ? "start" : "middle";
        axis.push(svg("text", { x: `${left}%`, y: 11, "text-anchor": anchor }, shown.replace(".00", "").replace(".0", "")));
      }
      const histogram = (row) => {
        const { counts, first: begin, p50, p95, p99 } = row[what];
        const most = Math.max(...counts);
        const bars = counts.map((count, bucket) => count && svg("rect", {
          class: "bars", x: `${x(begin + bucket)}%`, width: `calc(${100 / span}% - 1px)`,
          y: 30 - Math.max((28 * count) / most, 1), height: Math.max((28 * count) / most, 1),
        })).filter(Boolean);
        const marks = [p50, p95, p99].map((time, place) => svg("line", {
          class: "mark", x1: `${at(time)}%`, x2: `${at(time)}%`, y1: place ? 25 : 2, y2: 33,
          "stroke-dasharray": place ? "none" : "2 2",
        }));
        const label = `p50 ${duration(p50)}, p95 ${duration(p95)}, p99 ${duration(p99)}`;
        return svg("svg", { role: "img", "aria-label": `Histogram: ${label}` }, svg("title", {}, label),
          svg("line", { class: "base", x1: 0, x2: "100%", y1: 30.5, y2: 30.5 }), bars, marks);
      };
      const percentile = (name) => ({ title: name, of: (row) => row[what][name], shown: duration });
      place.replaceChildren(table(`Latency by ${by[grouping]}`, [
        { title: by[grouping], text: true, of: (row) => row.name },
        { title: svg("svg", { "aria-hidden": "true" }, axis), class: "histogram", sorts: false, of: () => "", cell: histogram },
        { title: what === "latency" ? "answers" : "requests", of: (row) => row[what].count, shown: number },
        percentile("p50"), percentile("p95"), percentile("p99"), percentile("max"),
      ], rows));
    };
    const groups = Object.entries(by).filter(([key]) => report[key].length);
    head("latency",
      choice("What is measured", [["Answers", "latency"], ["Waits", "waits"]], (value) => { what = value; show(); }),
      choice("Grouped by", groups.map(([key, text]) => [text, key]), (value) => { grouping = value; show(); }));
    section("latency").append(el("p", { class: "said" },
      "How long answers took, from sending the request, and how long requests waited before. Each row has its own height; the axis is logarithmic and the same for all. The dashed line is the median, the short ones are p95 and p99."), place);
    show();
  };

  // Tokens and money.

  const spending = () => {
    if (!report.by_node.length) {
      section("spending").append(el("p", { class: "said" }, "No request was sent."));
      return;
    }
    const by = { by_node: "node", by_model: "model", by_endpoint: "endpoint" };
    let grouping = "by_node";
    const { total } = report;
    const place = el("div");
    const show = () => {
      const rows = report[grouping];
      const hasCosts = total.cost_usd != null;
      const measure = hasCosts && total.cost_usd > 0 ? (row) => row.cost_usd : (row) => row.input_tokens + row.output_tokens;
      const all = measure(total);
      const share = (row) => {
        const part = measure(row);
        return el("span", {}, percent(part, all) || "–",
          el("i", { class: "bar", style: `width:${all > 0 ? (100 * part) / all : 0}%` }));
      };
      const column = (title, key) => ({ title, of: (row) => row[key] ?? 0, shown: number });
      const columns = [
        { title: by[grouping], text: true, of: (row) => row.name },
        column("calls", "calls"), column("failed", "failed"), column("retries", "retries"), column("refused (429)", "refused"),
        column("tokens in", "input_tokens"), column("tokens out", "output_tokens"),
      ];
      if (total.cached_tokens) columns.push(column("of these cached", "cached_tokens"));
      if (total.reasoning_tokens) columns.push(column("for reasoning", "reasoning_tokens"));
      if (hasCosts) {
        columns.push({ title: "cost", of: (row) => row.cost_usd, cell: (row) =>
          row.unknown_cost && !row.cost_usd ? "unknown" : dollars(row.cost_usd) + (row.unknown_cost ? " +" : "") });
      }
      columns.push({ title: hasCosts && total.cost_usd > 0 ? "share of cost" : "share of tokens", of: measure, cell: share });
      place.replaceChildren(table(`Tokens and money by ${by[grouping]}`, columns, rows, { ...total, name: "all" }));
    };
    const groups = Object.entries(by).filter(([key]) => report[key].length);
    head("spending", choice("Grouped by", groups.map(([key, text]) => [text, key]), (value) => { grouping = value; show(); }));
    section("spending").append(place);
    show();
  };

  // Failures.

  const failures = () => {
    const part = section("failures");
    const stack = el("div", { class: "stack" });
    part.append(stack);
    const causes = report.failures;
    if (causes == null) {
      stack.append(el("p", { class: "said" }, report.inputs.failed
        ? `${counted(report.inputs.failed, "input", "inputs")} failed. A trace does not say why.`
        : "No input failed."));
    } else if (!causes.length) {
      stack.append(el("p", { class: "said" }, "No input failed."));
    } else {
      const most = Math.max(...causes.map((cause) => cause.inputs));
      stack.append(el("div", { class: "card" }, causes.map((cause) => el("article", { class: "cause" },
        el("h3", {}, el("span", { class: "meter", style: `width:${4 + (90 * cause.inputs) / most}px` }),
          `${counted(cause.inputs, "input", "inputs")}: `, el("code", {}, cause.kind),
          cause.node ? [" at node ", el("code", {}, cause.node)] : null),
        el("ol", {}, cause.samples.map((sample) => el("li", {},
          el("span", {}, `input ${number(sample.input)} of run ${sample.run}`), sample.message ?? el("span", {}, "its message may quote contents, and is shown with --contents"),
          sample.path ? el("span", {}, ` at ${sample.path}`) : null,
          sample.attempts > 1 ? el("span", {}, ` after ${number(sample.attempts)} attempts`) : null,
          sample.answer != null ? el("pre", {}, sample.answer) : null)),
        cause.inputs > cause.samples.length
          ? el("li", {}, el("span", {}, `and ${number(cause.inputs - cause.samples.length)} more`)) : null)))));
    }
    if (report.unanswered.length) {
      const columns = [
        { title: "cause", text: true, of: (row) => row.kind, cell: (row) => el("code", {}, row.kind) },
        { title: "endpoint", text: true, of: (row) => row.endpoint },
        { title: "sent again", of: (row) => row.again, shown: number },
        { title: "given up", of: (row) => row.failed, shown: number },
      ];
      if (report.unanswered.some((row) => row.sample)) {
        columns.push({ title: "the first one", text: true, of: (row) => row.sample ?? "" });
      }
      stack.append(el("div", {}, el("h3", { style: "margin-bottom:6px" }, "Requests without an answer"),
        table("Requests without an answer", columns, report.unanswered)));
    }
  };

  // Runs and parameters.

  const runs = () => {
    const has = (key) => report.runs.some((run) => run[key] != null);
    const columns = [
      { title: "run", of: (run) => run.number, class: "left" },
      { title: "pipeline", text: true, of: (run) => run.pipeline },
    ];
    const add = (key, title, shown = number) => {
      if (has(key)) columns.push({ title, of: (run) => run[key], shown: (value) => (value == null ? "" : shown(value)) });
    };
    add("began_at", "began", moment);
    add("took", "took", duration);
    if (has("end")) columns.push({ title: "ended by", text: true, of: (run) => run.end });
    add("completed", "completed");
    add("failed", "failed");
    add("recalled", "from the journal");
    add("calls", "calls");
    add("cost_usd", "cost", dollars);
    section("runs").append(table("Runs", columns, report.runs));
  };
  const diff = (lines) => el("pre", {}, lines.map((line) => el("span", {
    class: line.startsWith("+") ? "new" : line.startsWith("-") ? "gone" : null }, `${line}\n`)));

  // Optimization: the score by calls.

  const optimization = () => {
    const part = section("optimization");
    const found = report.optimization;
    if (!found) { part.remove(); return; }
    const { steps } = found;
    const scored = steps.filter((step) => step.score != null);
    const of = (outcome) => steps.filter((step) => step.outcome === outcome).length;
    const best = scored.reduce((best, step) => (best == null || step.score > best.score ? step : best), null);
    const isPool = steps.some((step) => step.parents);
    const said = [`${counted(steps.length - 1, "step", "steps")} of ${found.optimizer}: ${number(of("accepted"))} accepted, ${number(of("rejected"))} rejected, ${number(of("unchanged"))} without a proposal.`];
    if (best) said.push(`The mean on the validation examples was ${steps[0].score?.toFixed(3) ?? "unknown"} before; the best is ${best.score.toFixed(3)} in step ${best.step}.`);
    said.push("If the journal holds several optimizations, this is the last one.");
    part.append(el("p", { class: "said" }, said.join(" ")));
    if (scored.length > 1) {
      // As wide as there is room, so that its words can be read.
      const room = Math.min(Math.max(part.clientWidth - 70, 260), 900);
      const [width, height, left, bottom] = [room, 190, 44, 26];
      const most = Math.max(...steps.map((step) => step.calls), 1);
      const scores = scored.map((step) => step.score);
      const low = Math.max(0, Math.min(...scores) - 0.05);
      const high = Math.max(Math.max(...scores) + 0.05, low + 0.1);
      const x = (step) => left + (step.calls / most) * (width - left - 20);
      const y = (score) => height - bottom - ((score - low) / (high - low)) * (height - bottom - 12);
      const grid = [0, 1, 2, 3].map((part) => low + (part / 3) * (high - low)).map((score) => [
        svg("line", { x1: left, x2: width - 10, y1: y(score), y2: y(score), style: "stroke:var(--line)" }),
        svg("text", { x: left - 8, y: y(score) + 4, "text-anchor": "end" }, score.toFixed(2)),
      ]);
      let top = -Infinity;
      const line = [];
      for (const step of scored) {
        if (step.score > top) {
          if (line.length) line.push(`H${x(step).toFixed(1)}`);
          line.push(`${line.length ? "V" : `M${x(step).toFixed(1)} `}${y(step.score).toFixed(1)}`);
          top = step.score;
        }
      }
      line.push(`H${x({ calls: most }).toFixed(1)}`);
      const dots = steps.map((step) => {
        const title = svg("title", {}, `step ${step.step}: ${step.outcome}${step.score != null ? `, ${step.score.toFixed(3)}` : ""}, after ${counted(step.calls, "call", "calls")}`);
        if (step.outcome === "rejected") {
          const at = [x(step), isPool || step.score == null ? height - bottom - 6 : y(step.score)];
          return svg("path", { d: `M${at[0] - 3} ${at[1] - 3}l6 6m0-6l-6 6`, style: "stroke:var(--bad);stroke-width:1.4;fill:none" }, title);
        }
        if (step.score == null) return null;
        const isChange = step.outcome !== "unchanged";
        return svg("circle", { cx: x(step), cy: y(step.score), r: isChange ? 4 : 2.5, style: `fill:var(--${isChange ? "accent" : "muted"})` }, title);
      });
      part.append(el("div", { class: "card scores" }, svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "Score by calls; the table has the same" },
        grid, svg("path", { d: line.join(""), style: "fill:none;stroke:var(--accent);stroke-width:1.5;opacity:.55" }), dots,
        svg("text", { x: left, y: height - 6 }, "0 calls"),
        svg("text", { x: width - 10, y: height - 6, "text-anchor": "end" }, counted(most, "call", "calls")))));
    }
    const changes = (step) => el("div", {}, step.why ?? null, step.changes.map((change) => el("details", {},
      el("summary", {}, el("code", {}, change.path), ` +${number(change.added)} −${number(change.removed)} lines`),
      change.diff ? diff(change.diff) : el("p", { class: "said" }, "The texts are shown with --contents."))));
    const columns = [
      { title: "step", of: (step) => step.step, class: "left" },
      { title: "outcome", of: (step) => step.outcome, class: "left" },
      { title: "score", of: (step) => step.score, shown: (score) => score?.toFixed(3) },
      { title: "calls so far", of: (step) => step.calls, shown: number },
    ];
    if (steps.some((step) => step.cost_usd)) columns.push({ title: "cost so far", of: (step) => step.cost_usd, shown: dollars });
    if (isPool) columns.push({ title: "made of step", of: (step) => step.parents?.[0], cell: (step) => step.parents?.join(", ") ?? "" });
    columns.push({ title: "what changed", text: true, sorts: false, of: () => "", cell: changes });
    part.append(table("Steps of the optimization", columns, steps));
  };

  const parameters = () => {
    const part = section("parameters");
    if (!report.parameters?.length) { part.remove(); return; }
    part.append(el("p", { class: "said" },
      "Parameters that had more than one text, as after an optimization or a change by hand."
        + (report.parameters.some((parameter) => parameter.versions.some((version) => version.diff)) ? "" : " The texts are shown with --contents.")));
    part.append(el("div", { class: "card" }, report.parameters.map((parameter) => el("article", { class: "cause" },
      el("h3", {}, el("code", {}, parameter.path)),
      el("ol", {}, parameter.versions.map((version, place) => el("li", {},
        el("span", {}, version.version),
        `run${version.runs.length > 1 ? "s" : ""} ${version.runs.slice(0, 12).join(", ")}${version.runs.length > 12 ? ", …" : ""}`,
        place > 0 ? el("span", {}, ` +${version.added} −${version.removed} lines`) : null,
        version.diff ? diff(version.diff) : null)))))));
  };

  // Graph.

  const graph = () => {
    if (!section("graphs").children.length) {
      section("graphs").append(el("p", { class: "said" }, "The source does not hold the graph; the tables below have its nodes."));
      return;
    }
    section("graphs").before(el("p", { class: "said" },
      `In each node: ${report.total.cost_usd != null ? "its calls, the median latency, and what they cost" : "its calls and the median latency"}`
      + ". The bar is its share of the calls of the busiest node."));
  };

  const contents = () => {
    const links = [...document.querySelectorAll("main > section[id]:not(#overview)")].map((part) =>
      el("a", { href: `#${part.id}` }, part.querySelector("h2").textContent));
    section("contents").append(...links);
  };

  overview();
  graph();
  timeline(report, { el, svg, section, head, number, counted, compact, dollars, duration, moment, colour, redraws });
  latency();
  spending();
  failures();
  optimization();
  parameters();
  runs();
  contents();
  showTheme();
  root.dataset.ready = "true";
})();
