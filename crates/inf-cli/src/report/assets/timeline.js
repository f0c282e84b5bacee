"use strict";
// The timeline: from far away how many requests are in flight and waiting at each endpoint, from near
// each request in a lane of its own. Moments are ticks, as in the report.
const timeline = (report, tools) => {
  const { el, svg, section, head, number, counted, compact, dollars, duration, moment, colour, redraws } = tools;
  const data = report.timeline;
  const part = section("timeline");
  if (!data.requests) {
    part.append(el("p", { class: "said" }, "No request was sent."));
    return;
  }

  // What is known of each request.

  const { columns, tick } = data;
  const count = columns.began.length;
  const began = new Float64Array(count);
  columns.began.reduce((sum, since, place) => (began[place] = sum + since), 0);
  const ready = began.map((at, place) => at - columns.waited[place]);
  const ended = began.map((at, place) => at + Math.max(columns.took[place], 1));
  const [ANSWERED, FAILED, RETRIED, REFUSED, CANCELLED] = [0, 1, 2, 3, 4];
  const endings = ["answered", "failed", "failed and sent again", "refused for a limit and sent again", "cancelled"];
  const kinds = new Map(columns.kind);
  const attempts = new Map(columns.attempt);
  // Eight colours are told apart; the nodes after them share one.
  const nodes = [...new Set(report.series.map((series) => series.node))];
  const hue = report.series.map((series) => Math.min(nodes.indexOf(series.node), 7));

  // Lanes.

  /// A heap of numbers, the least first.
  const heap = () => {
    const list = [];
    const swap = (one, other) => ([list[one], list[other]] = [list[other], list[one]]);
    return {
      least: () => list[0],
      push: (value) => {
        let at = list.push(value) - 1;
        while (at > 0 && list[(at - 1) >> 1][0] > list[at][0]) { swap(at, (at - 1) >> 1); at = (at - 1) >> 1; }
      },
      pop: () => {
        const [top, last] = [list[0], list.pop()];
        if (list.length) {
          list[0] = last;
          for (let at = 0; ;) {
            let least = at;
            for (const child of [2 * at + 1, 2 * at + 2]) {
              if (child < list.length && list[child][0] < list[least][0]) least = child;
            }
            if (least === at) break;
            swap(at, least);
            at = least;
          }
        }
        return top;
      },
    };
  };
  /// Gives each request the uppermost lane that is free from `from` on.
  /// A journal tells moments to a millisecond alone: what seems to overlap by so little does not.
  const slack = report.source.kind === "journal" ? 2 / tick : 0;
  const lanes = (requests, from, lane) => {
    const [busy, free] = [heap(), heap()];
    let most = 0;
    for (const request of [...requests].sort((one, other) => from[one] - from[other])) {
      while (busy.least() && busy.least()[0] <= from[request] + slack) free.push([busy.pop()[1]]);
      lane[request] = free.least() ? free.pop()[0] : most++;
      busy.push([ended[request], lane[request]]);
    }
    return most;
  };
  const laneOf = new Int32Array(count);
  const panels = data.endpoints.map((endpoint) => ({ endpoint, requests: [] }));
  const panelOf = report.series.map((series) => data.endpoints.indexOf(series.endpoint));
  for (let request = 0; request < count; request += 1) panels[panelOf[columns.series[request]]].requests.push(request);
  panels.forEach((panel, place) => {
    const { in_flight: inFlight, waiting } = data.density[place];
    panel.pauses = data.pauses[place];
    panel.lanes = lanes(panel.requests, began, laneOf);
    // Where waits fit into lanes as well, they stand before their requests.
    const withWaits = new Int32Array(count);
    const more = panel.requests.length <= 20_000 ? lanes(panel.requests, ready, withWaits) : Infinity;
    panel.showsWaits = more <= 28;
    if (panel.showsWaits) {
      panel.lanes = more;
      for (const request of panel.requests) laneOf[request] = withWaits[request];
    }
    panel.mostInFlight = Math.max(Math.max(...inFlight) / 100, 1);
    panel.mostWaiting = Math.max(...waiting) / 100;
  });

  // What is in view.

  const length = data.length;
  const whole = () => [-0.008 * length, 1.008 * length];
  let view = whole();
  let chosen = null;
  const elapsed = (at) => data.cuts.reduce((sum, [cut, left]) => sum + (at > cut ? left : 0), at * tick);
  const clock = (milliseconds, step) => {
    const sign = milliseconds < 0 ? "−" : "";
    const value = Math.abs(milliseconds);
    if (value >= 60_000 || step >= 30_000) {
      const seconds = Math.floor(value / 1000 + 1e-6);
      const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
      const two = (count) => String(count).padStart(2, "0");
      const fine = step < 1000 ? (value / 1000 % 1).toFixed(step < 10 ? 3 : step < 100 ? 2 : 1).slice(1) : "";
      return sign + (hours ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`) + fine;
    }
    return `${sign}${(value / 1000).toFixed(step < 1 ? 4 : step < 10 ? 3 : step < 100 ? 2 : step < 1000 ? 1 : 0)} s`;
  };
  const steps = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 3e4, 6e4, 12e4, 3e5, 6e5, 18e5, 36e5, 72e5, 216e5, 432e5, 864e5];
  const isInView = (request) => ready[request] <= view[1] && ended[request] >= view[0];
  const NEAR = 6000;

  /// How many there are at a time, for each of `stretches` of the view.
  const density = (place, stretches) => {
    const [from, until] = view;
    const panel = panels[place];
    const result = { inFlight: new Float64Array(stretches), waiting: new Float64Array(stretches), failed: new Uint32Array(stretches), refused: new Uint32Array(stretches) };
    const width = (until - from) / stretches;
    if (!count || until - from > length / 2) {
      const known = data.density[place];
      const known_width = Math.max(Math.ceil(length / known.in_flight.length), 1);
      for (let at = 0; at < stretches; at += 1) {
        const middle = Math.floor((from + (at + 0.5) * width) / known_width);
        result.inFlight[at] = (known.in_flight[middle] ?? 0) / 100;
        result.waiting[at] = (known.waiting[middle] ?? 0) / 100;
      }
      for (const name of ["failed", "refused"]) {
        for (const [stretch, many] of known[name]) {
          const at = Math.floor(((stretch + 0.5) * known_width - from) / width);
          if (at >= 0 && at < stretches) result[name][at] += many;
        }
      }
      return result;
    }
    const add = (sums, full, begin, end) => {
      const [low, high] = [Math.max(begin, from), Math.min(end, until)];
      if (high <= low) return;
      const [first, last] = [(low - from) / width, (high - from) / width];
      const [one, other] = [Math.floor(first), Math.min(Math.floor(last), stretches - 1)];
      if (one === other) { sums[one] += last - first; return; }
      sums[one] += one + 1 - first;
      sums[other] += last - other;
      full[one + 1] += 1;
      full[other] -= 1;
    };
    const [flights, waits] = [new Float64Array(stretches + 1), new Float64Array(stretches + 1)];
    for (const request of panel.requests) {
      if (!isInView(request)) continue;
      add(result.inFlight, flights, began[request], ended[request]);
      add(result.waiting, waits, ready[request], began[request]);
      const ending = columns.ending[request];
      if (ending === ANSWERED || ending === CANCELLED) continue;
      const at = Math.floor((ended[request] - from) / width);
      if (at >= 0 && at < stretches) (ending === REFUSED ? result.refused : result.failed)[at] += 1;
    }
    for (const [sums, full] of [[result.inFlight, flights], [result.waiting, waits]]) {
      let so_far = 0;
      for (let at = 0; at < stretches; at += 1) sums[at] += so_far += full[at];
    }
    return result;
  };

  // Drawing.

  const AXIS = 26;
  const LABEL = 22;
  const STRIP = 24;
  const MARKS = 20;
  const SPACE = 12;
  const SIDE = 12;
  const canvas = el("canvas", { tabindex: 0, role: "img", id: "timeline-canvas", "aria-describedby": "timeline-keys timeline-sentence" });
  const tip = el("div", { class: "tip-box", hidden: true });
  const plot = el("div", { class: "plot" }, canvas, tip);
  const sentence = el("p", { class: "sentence", id: "timeline-sentence", "aria-live": "polite" });
  const context = canvas.getContext("2d");
  let drawn = { width: 0, panels: [], requests: [], isNear: false };

  const x = (at) => SIDE + ((at - view[0]) / (view[1] - view[0])) * (drawn.width - 2 * SIDE);
  const at = (pixel) => view[0] + ((pixel - SIDE) / (drawn.width - 2 * SIDE)) * (view[1] - view[0]);

  /// On the screen, or on a sheet of paper that is so wide.
  const draw = (sheet) => {
    const width = sheet ?? plot.clientWidth;
    if (!width) return;
    const requests = [];
    for (let request = 0; request < count && requests.length <= NEAR; request += 1) {
      if (isInView(request)) requests.push(request);
    }
    const isNear = count > 0 && requests.length <= NEAR;
    const body = panels.length === 1 ? 150 : panels.length <= 3 ? 96 : 60;
    let top = AXIS;
    const places = panels.map((panel) => {
      const row = Math.max(Math.min(18, body / panel.lanes), Math.min(480 / panel.lanes, 7));
      const strip = panel.mostWaiting > 0 && !(isNear && panel.showsWaits) ? STRIP : 0;
      const height = isNear ? Math.max(row * panel.lanes, 14) : body;
      const place = { panel, row, top, strip, body: top + LABEL + strip, height };
      top += LABEL + strip + height + (isNear ? 4 : MARKS) + SPACE;
      return place;
    });
    const height = top;
    // Finer on paper; and browsers show nothing of a canvas that is higher.
    const ratio = Math.min(sheet ? 3 : window.devicePixelRatio || 1, 16_000 / height);
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    canvas.style.height = `${height}px`;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    drawn = { width, height, panels: places, requests, isNear };
    const paint = Object.fromEntries(["surface", "ink", "muted", "line", "strong-line", "flight", "bad", "warn"].map((name) => [name, colour(name)]));
    paint.nodes = nodes.slice(0, 8).map((_, place) => colour(`n${place}`));
    context.clearRect(0, 0, width, height);
    const family = getComputedStyle(document.body).fontFamily;
    context.font = `11px ${family}`;
    context.textBaseline = "alphabetic";
    drawAxis(paint, height);
    places.forEach((place, index) => {
      const most = [`at most ${compact(Math.round(place.panel.mostInFlight))} in flight`];
      if (place.panel.mostWaiting >= 0.5) most.push(`${compact(Math.round(place.panel.mostWaiting))} waiting`);
      context.fillStyle = paint.muted;
      context.textAlign = "right";
      context.fillText(most.join(", "), width - SIDE, place.top + 14);
      const room = width - 2 * SIDE - context.measureText(most.join(", ")).width - 24;
      context.fillStyle = paint.ink;
      context.textAlign = "left";
      context.font = `600 12px ${family}`;
      context.fillText(fitted(place.panel.endpoint, room), SIDE, place.top + 14);
      context.font = `11px ${family}`;
      drawPauses(place, paint);
      const stretches = Math.max(Math.floor((width - 2 * SIDE) / 2), 10);
      const sums = place.strip || !isNear ? density(index, stretches) : null;
      place.sums = sums;
      if (place.strip) drawWaiting(place, sums, paint);
      if (isNear) drawLanes(place, paint);
      else drawDensity(place, sums, paint);
    });
    if (isNear) drawChosen(paint);
    tell();
  };

  const fitted = (text, room) => {
    if (context.measureText(text).width <= room) return text;
    let short = text;
    while (short.length > 3 && context.measureText(`${short}…`).width > room) short = short.slice(0, -2);
    return `${short}…`;
  };

  const drawAxis = (paint, height) => {
    const span = (view[1] - view[0]) * tick;
    const step = steps.find((step) => (span / step) * 76 < drawn.width) ?? steps.at(-1);
    context.textAlign = "center";
    const first = Math.ceil(Math.max(view[0], 0) * tick / step);
    for (let mark = first; mark * step <= Math.min(view[1], length) * tick; mark += 1) {
      const place = Math.round(x((mark * step) / tick)) + 0.5;
      context.strokeStyle = paint.line;
      context.beginPath();
      context.moveTo(place, AXIS - 6);
      context.lineTo(place, height);
      context.stroke();
      context.fillStyle = paint.muted;
      const text = clock(elapsed((mark * step) / tick), step);
      const half = context.measureText(text).width / 2;
      context.fillText(text, Math.min(Math.max(place, half + 4), drawn.width - half - 4), AXIS - 10);
    }
    for (const [cut, left] of data.cuts) {
      const place = x(cut);
      if (place < 0 || place > drawn.width) continue;
      context.strokeStyle = paint["strong-line"];
      context.setLineDash([2, 3]);
      context.beginPath();
      context.moveTo(place, AXIS - 6);
      context.lineTo(place, height);
      context.stroke();
      context.setLineDash([]);
      context.fillStyle = paint.muted;
      context.fillText(`${duration(left)} left out`, place, height - 2);
    }
  };

  const drawPauses = (place, paint) => {
    context.fillStyle = paint.line;
    for (const [from, until] of place.panel.pauses) {
      if (until < view[0] || from > view[1]) continue;
      context.fillRect(x(from), place.body - place.strip, Math.max(x(until) - x(from), 1), place.height + place.strip);
    }
  };

  const area = (values, most, bottom, height) => {
    const stretch = (drawn.width - 2 * SIDE) / values.length;
    context.beginPath();
    context.moveTo(SIDE, bottom);
    values.forEach((value, place) => {
      const y = bottom - Math.min(value / most, 1) * height;
      context.lineTo(SIDE + place * stretch, y);
      context.lineTo(SIDE + (place + 1) * stretch, y);
    });
    context.lineTo(drawn.width - SIDE, bottom);
    context.closePath();
    context.fill();
  };

  const baseline = (paint, y) => {
    context.strokeStyle = paint.line;
    context.beginPath();
    context.moveTo(SIDE, Math.round(y) + 0.5);
    context.lineTo(drawn.width - SIDE, Math.round(y) + 0.5);
    context.stroke();
  };

  const drawWaiting = (place, sums, paint) => {
    const bottom = place.body - 4;
    context.globalAlpha = 0.42;
    context.fillStyle = paint.flight;
    area(sums.waiting, place.panel.mostWaiting, bottom, STRIP - 6);
    context.globalAlpha = 1;
    baseline(paint, bottom);
  };

  const drawDensity = (place, sums, paint) => {
    const bottom = place.body + place.height;
    context.fillStyle = paint.flight;
    area(sums.inFlight, place.panel.mostInFlight, bottom, place.height);
    baseline(paint, bottom);
    // Two rows of bars below, each with its sign in front.
    const stretch = (drawn.width - 2 * SIDE) / sums.failed.length;
    for (const [values, shape, y] of [[sums.failed, cross, bottom + 3], [sums.refused, triangle, bottom + 12]]) {
      const most = Math.max(...values);
      if (!most) continue;
      context.strokeStyle = shape === cross ? paint.bad : paint.warn;
      context.fillStyle = context.strokeStyle;
      shape(SIDE - 6, y + 3.5, 2.4);
      values.forEach((value, at) => {
        if (value) context.fillRect(SIDE + at * stretch, y, Math.max(stretch, 1.5), 1.5 + 5.5 * Math.sqrt(value / most));
      });
    }
  };

  const cross = (x, y, half) => {
    context.lineWidth = 1.3;
    context.beginPath();
    context.moveTo(x - half, y - half);
    context.lineTo(x + half, y + half);
    context.moveTo(x - half, y + half);
    context.lineTo(x + half, y - half);
    context.stroke();
    context.lineWidth = 1;
  };
  const triangle = (x, y, half) => {
    context.beginPath();
    context.moveTo(x, y - half);
    context.lineTo(x + half * 1.1, y + half * 0.9);
    context.lineTo(x - half * 1.1, y + half * 0.9);
    context.closePath();
    context.fill();
  };

  const drawLanes = (place, paint) => {
    const { panel, row, body } = place;
    context.save();
    context.beginPath();
    context.rect(SIDE, body - 2, drawn.width - 2 * SIDE, place.height + 4);
    context.clip();
    const height = Math.max(row - (row > 4 ? 2 : row > 2 ? 0.6 : 0), 1);
    const own = drawn.panels.indexOf(place);
    for (const request of drawn.requests) {
      if (panelOf[columns.series[request]] !== own) continue;
      const y = body + laneOf[request] * row;
      const [left, right] = [x(began[request]), x(ended[request])];
      const width = Math.max(right - left - (right - left > 3 ? 0.6 : 0), 1);
      const ending = columns.ending[request];
      const tint = paint.nodes[hue[columns.series[request]]];
      if (panel.showsWaits && columns.waited[request] > 0) {
        context.globalAlpha = 0.28;
        context.fillStyle = tint;
        const from = x(ready[request]);
        context.fillRect(from, y + height * 0.3, Math.max(left - from, 0.5), height * 0.4);
        context.globalAlpha = 1;
      }
      if (ending === ANSWERED) {
        context.fillStyle = tint;
        context.fillRect(left, y, width, height);
        continue;
      }
      const mark = ending === REFUSED ? paint.warn : ending === CANCELLED ? paint.muted : paint.bad;
      context.fillStyle = paint.surface;
      context.fillRect(left, y, width, height);
      context.globalAlpha = ending === FAILED ? 0.85 : 0.22;
      context.fillStyle = mark;
      context.fillRect(left, y, width, height);
      context.globalAlpha = 1;
      if (height >= 3 && width >= 3) {
        context.strokeStyle = mark;
        context.strokeRect(left + 0.5, y + 0.5, width - 1, height - 1);
      }
      if (height >= 7) {
        context.strokeStyle = ending === FAILED ? paint.surface : mark;
        context.fillStyle = mark;
        const middle = Math.min(left + 7, left + width / 2);
        const half = Math.min(2.6, height / 3);
        if (ending === REFUSED) triangle(middle, y + height / 2, half);
        else if (ending !== CANCELLED) cross(middle, y + height / 2, half);
      }
    }
    context.restore();
  };

  const boxOf = (request) => {
    const place = drawn.panels[panelOf[columns.series[request]]];
    const y = place.body + laneOf[request] * place.row;
    return { x: x(began[request]), y, width: Math.max(x(ended[request]) - x(began[request]), 1), height: Math.max(place.row - (place.row > 4 ? 2 : 0), 1) };
  };
  const drawChosen = (paint) => {
    if (chosen == null || !isInView(chosen)) return;
    // What else was asked for the same input.
    context.strokeStyle = paint.ink;
    context.globalAlpha = 0.55;
    if (columns.input[chosen]) {
      for (const request of drawn.requests) {
        if (columns.input[request] !== columns.input[chosen] || columns.run[request] !== columns.run[chosen]) continue;
        const box = boxOf(request);
        context.strokeRect(box.x - 1, box.y - 1, box.width + 2, box.height + 2);
      }
    }
    context.globalAlpha = 1;
    const box = boxOf(chosen);
    context.lineWidth = 2;
    context.strokeRect(box.x - 1, box.y - 1, box.width + 2, box.height + 2);
    context.lineWidth = 1;
    if (columns.waited[chosen] > 0) {
      context.fillStyle = paint.ink;
      context.fillRect(x(ready[chosen]), box.y + box.height / 2 - 0.75, box.x - x(ready[chosen]), 1.5);
    }
  };

  // Words.

  const describe = (request) => {
    const series = report.series[columns.series[request]];
    const ending = columns.ending[request];
    const kind = kinds.has(request) ? data.kinds[kinds.get(request)] : null;
    const lines = [
      [el("b", {}, series.node), attempts.has(request) ? ` · sent for the ${ordinal(attempts.get(request))} time` : ""],
      [`${endings[ending]}${kind && ending !== REFUSED ? `: ${kind}` : ""}`],
      [`took ${duration(columns.took[request] * tick) || "0"}`, columns.waited[request] ? `, waited ${duration(columns.waited[request] * tick)} before` : ", did not wait"],
      [`from ${clock(elapsed(began[request]), 1)}`, data.origin != null ? ` (${moment(data.origin + elapsed(began[request])).slice(11)})` : ""],
    ];
    if (columns.input[request]) lines.push([`input ${number(columns.input[request] - 1)} of run ${columns.run[request]}`]);
    if (columns.input_tokens[request] || columns.output_tokens[request]) {
      const cost = columns.cost[request];
      lines.push([`${number(columns.input_tokens[request])} tokens in, ${number(columns.output_tokens[request])} out`, cost ? `, ${dollars(cost / 1e6)}` : ""]);
    }
    return lines;
  };
  const ordinal = (value) => `${value}${value % 100 > 10 && value % 100 < 14 ? "th" : ["th", "st", "nd", "rd"][value % 10] ?? "th"}`;

  let telling = 0;
  const tell = () => {
    clearTimeout(telling);
    telling = setTimeout(() => {
      if (chosen != null && drawn.isNear && isInView(chosen)) {
        sentence.textContent = describe(chosen).map((line) => line.map((item) => item.textContent ?? item).join("")).join("; ");
        return;
      }
      const from = Math.max(view[0], 0);
      const until = Math.min(view[1], length);
      const range = `${clock(elapsed(from), 1)} to ${clock(elapsed(until), 1)}`;
      if (!count) {
        sentence.textContent = `${range}. There are ${counted(data.requests, "request", "requests")}: too many for a page to hold one by one, so that it shows their density.`;
        return;
      }
      const of = [0, 0, 0, 0, 0];
      for (let request = 0; request < count; request += 1) {
        if (began[request] <= view[1] && ended[request] >= view[0]) of[columns.ending[request]] += 1;
      }
      const all = of.reduce((sum, many) => sum + many, 0);
      const more = [[of[FAILED], "failed"], [of[RETRIED], "failed and sent again"], [of[REFUSED], "refused for a limit"], [of[CANCELLED], "cancelled"]]
        .filter(([many]) => many).map(([many, what]) => `, ${number(many)} ${what}`).join("");
      sentence.textContent = `${range}: ${counted(all, "request", "requests")}${more}.${drawn.isNear ? "" : " Zoom in to see them one by one."}`;
    }, 60);
  };

  /// The request at a place of the canvas.
  const found = (left, top) => {
    if (!drawn.isNear) return null;
    const time = at(left);
    const slack = (view[1] - view[0]) / drawn.width * 2;
    const place = drawn.panels.find((place) => top >= place.body && top < place.body + place.height + 2);
    if (!place) return null;
    const lane = Math.floor((top - place.body) / place.row);
    let best = null;
    for (const request of drawn.requests) {
      if (laneOf[request] !== lane || drawn.panels[panelOf[columns.series[request]]] !== place) continue;
      const from = place.panel.showsWaits ? ready[request] : began[request];
      if (time >= from - slack && time <= ended[request] + slack) best = request;
    }
    return best;
  };
  const showTip = (lines, left, top) => {
    tip.replaceChildren(...lines.map((line) => el("div", {}, ...line)));
    tip.hidden = false;
    const [width, height] = [tip.offsetWidth, tip.offsetHeight];
    tip.style.left = `${Math.max(4, left + 14 + width > drawn.width ? left - width - 12 : left + 14)}px`;
    tip.style.top = `${Math.max(2, Math.min(top + 14, drawn.height - height - 4))}px`;
  };
  const point = (left, top) => {
    const request = found(left, top);
    if (request != null) { showTip(describe(request), left, top); return; }
    const place = drawn.panels.find((place) => top >= place.top && top < place.body + place.height + MARKS);
    const sums = place?.sums;
    if (!sums || drawn.isNear) { tip.hidden = true; return; }
    const stretch = Math.floor(((left - SIDE) / (drawn.width - 2 * SIDE)) * sums.inFlight.length);
    if (stretch < 0 || stretch >= sums.inFlight.length) { tip.hidden = true; return; }
    const shown = (value) => (value < 10 ? value.toFixed(1) : number(Math.round(value)));
    const lines = [[el("b", {}, clock(elapsed(at(left)), 1))], [`${shown(sums.inFlight[stretch])} in flight, ${shown(sums.waiting[stretch])} waiting`]];
    if (sums.failed[stretch]) lines.push([`${number(sums.failed[stretch])} failed`]);
    if (sums.refused[stretch]) lines.push([`${number(sums.refused[stretch])} refused for a limit`]);
    showTip(lines, left, top);
  };

  // Moving.

  let pending = 0;
  let isOnPaper = false;
  const redraw = (sheet) => {
    cancelAnimationFrame(pending);
    isOnPaper = sheet != null;
    if (isOnPaper) draw(sheet);
    else pending = requestAnimationFrame(() => draw());
  };
  const show = (from, until) => {
    const [low, high] = whole();
    const span = Math.min(Math.max(until - from, 20), high - low);
    const begin = Math.min(Math.max(from, low), high - span);
    view = [begin, begin + span];
    tip.hidden = true;
    redraw();
  };
  const zoom = (factor, around = (view[0] + view[1]) / 2) =>
    show(around - (around - view[0]) * factor, around + (view[1] - around) * factor);
  const pan = (share) => show(view[0] + share * (view[1] - view[0]), view[1] + share * (view[1] - view[0]));
  const step = (by, matters = () => true) => {
    if (!count) return;
    let request = chosen ?? (by > 0 ? -1 : count);
    if (chosen == null || !isInView(chosen)) {
      // From what is in view on.
      const first = began.findIndex((moment) => moment >= view[0]);
      request = (first < 0 ? count : first) - (by > 0 ? 1 : 0);
    }
    do request += by; while (request >= 0 && request < count && !matters(request));
    if (request < 0 || request >= count) return;
    chosen = request;
    const span = view[1] - view[0];
    const inside = began[request] >= view[0] && ended[request] <= view[1];
    const near = drawn.isNear ? span : Math.max(8 * (ended[request] - began[request]), 100);
    if (!inside || !drawn.isNear) show(began[request] - near / 3, began[request] + near * 2 / 3);
    else redraw();
  };

  canvas.addEventListener("wheel", (event) => {
    const isZoom = event.ctrlKey || event.metaKey || document.activeElement === canvas;
    if (Math.abs(event.deltaX) > Math.abs(event.deltaY) || event.shiftKey) {
      event.preventDefault();
      pan((event.deltaX || event.deltaY) / drawn.width);
    } else if (isZoom) {
      event.preventDefault();
      zoom(Math.exp(Math.max(-0.6, Math.min(0.6, event.deltaY * 0.004))), at(event.offsetX));
    }
  }, { passive: false });
  const pointers = new Map();
  let moved = 0;
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, event.offsetX);
    moved = 0;
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!pointers.has(event.pointerId)) { point(event.offsetX, event.offsetY); return; }
    const before = pointers.get(event.pointerId);
    const others = [...pointers].filter(([id]) => id !== event.pointerId);
    pointers.set(event.pointerId, event.offsetX);
    moved += Math.abs(event.offsetX - before);
    if (others.length) {
      const other = others[0][1];
      const [was, is] = [Math.abs(before - other), Math.abs(event.offsetX - other)];
      if (was > 8 && is > 8) zoom(was / is, at((event.offsetX + other) / 2));
    } else if (moved > 3) {
      pan((before - event.offsetX) / (drawn.width - 2 * SIDE));
    }
  });
  const lift = (event) => {
    pointers.delete(event.pointerId);
    if (event.type === "pointerup" && moved <= 3) {
      chosen = found(event.offsetX, event.offsetY);
      point(event.offsetX, event.offsetY);
      redraw();
    }
  };
  canvas.addEventListener("pointerup", lift);
  canvas.addEventListener("pointercancel", lift);
  // A finger leaves when it is lifted: what it has touched stays told.
  canvas.addEventListener("pointerleave", (event) => { if (event.pointerType !== "touch") tip.hidden = true; });
  document.addEventListener("pointerdown", (event) => { if (event.target !== canvas) tip.hidden = true; });
  canvas.addEventListener("dblclick", (event) => zoom(event.shiftKey ? 3 : 1 / 3, at(event.offsetX)));
  const failedOnes = (request) => columns.ending[request] === FAILED || columns.ending[request] === RETRIED;
  const keys = {
    ArrowLeft: () => pan(-0.15), ArrowRight: () => pan(0.15), ArrowUp: () => zoom(1 / 1.5), ArrowDown: () => zoom(1.5),
    "+": () => zoom(1 / 1.5), "=": () => zoom(1 / 1.5), "-": () => zoom(1.5), 0: () => show(...whole()), Home: () => show(...whole()),
    n: () => step(1), p: () => step(-1), f: () => step(1, failedOnes), F: () => step(-1, failedOnes),
    Escape: () => { chosen = null; redraw(); },
  };
  canvas.addEventListener("keydown", (event) => {
    const action = keys[event.key];
    if (!action || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    action();
  });

  // The parts around it.

  const button = (text, label, action) => el("button", { type: "button", "aria-label": label, title: label, onclick: action }, text);
  const controls = [button("−", "Zoom out", () => zoom(2)), button("+", "Zoom in", () => zoom(0.5)), button("All", "Show all", () => show(...whole()))];
  if (data.runs.length > 1) {
    controls.unshift(el("select", {
      "aria-label": "Show one run",
      onchange: (event) => {
        const run = data.runs[Number(event.target.value)];
        if (!run) { show(...whole()); return; }
        const space = 0.02 * (run[2] - run[1]) + 1;
        show(run[1] - space, run[2] + space);
      },
    }, el("option", { value: "" }, "All runs"), data.runs.map(([run], place) => el("option", { value: place }, `Run ${run}`))));
  }
  head("timeline", el("span", { class: "tools", style: "display:inline-flex;gap:6px" }, controls));
  const swatch = (...shapes) => svg("svg", { viewBox: "0 0 22 12", "aria-hidden": "true" }, shapes);
  const legend = [];
  const entry = (text, ...shapes) => legend.push(el("span", {}, swatch(...shapes), text));
  nodes.slice(0, 8).forEach((node, place) => entry(place === 7 && nodes.length > 8 ? `${node} and ${number(nodes.length - 8)} more` : node,
    svg("rect", { x: 1, y: 2, width: 20, height: 8, style: `fill:var(--n${place})` })));
  const any = (ending) => !count || columns.ending.includes(ending);
  if (!count || data.requests > NEAR) entry("in flight", svg("rect", { x: 1, y: 2, width: 20, height: 8, style: "fill:var(--flight)" }));
  if (panels.some((panel) => panel.mostWaiting > 0)) entry("waiting", svg("rect", { x: 1, y: 2, width: 20, height: 8, style: "fill:var(--flight);opacity:.42" }));
  const crossed = (colour) => svg("path", { d: "M8.5 3.5l5 5m0-5l-5 5", style: `stroke:${colour};stroke-width:1.4;fill:none` });
  if (any(FAILED)) entry("failed", svg("rect", { x: 1, y: 1, width: 20, height: 10, style: "fill:var(--bad)" }), crossed("var(--surface)"));
  if (any(RETRIED)) entry("failed, sent again", svg("rect", { x: 1.5, y: 1.5, width: 19, height: 9, style: "fill:none;stroke:var(--bad)" }), crossed("var(--bad)"));
  if (any(REFUSED)) entry("refused for a limit (429), sent again", svg("rect", { x: 1.5, y: 1.5, width: 19, height: 9, style: "fill:none;stroke:var(--warn)" }), svg("path", { d: "M11 3l3 6h-6z", style: "fill:var(--warn)" }));
  if (panels.some((panel) => panel.pauses.length)) entry("endpoint paused", svg("rect", { x: 1, y: 1, width: 20, height: 10, style: "fill:var(--line)" }));
  const hint = [["←", "→"], " move · ", ["+", "−"], " zoom · ", ["0"], " all · ", ["n", "p"], " next and previous request · ", ["f"], " next failure"];
  part.append(plot, sentence, el("div", { class: "legend" }, legend),
    el("p", { class: "keys", id: "timeline-keys" }, "Drag to move; zoom with ", el("kbd", {}, "Ctrl"), " and the wheel, by double click, or by pinching. With the keyboard: ",
      hint.map((item) => (Array.isArray(item) ? item.map((key) => el("kbd", {}, key)) : item))));
  canvas.setAttribute("aria-label", `Timeline of ${counted(data.requests, "request", "requests")} at ${counted(panels.length, "endpoint", "endpoints")}`);
  new ResizeObserver(() => { if (!isOnPaper) redraw(); }).observe(plot);
  redraws.push(redraw);
};
