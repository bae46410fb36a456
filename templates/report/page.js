// A crosshair on all plots at once, and the values under it. The page is complete without it.
(function () {
  "use strict";
  var root = document.documentElement;
  var data = JSON.parse(document.getElementById("data").textContent);
  var when = document.getElementById("when");
  var plots = Array.prototype.slice.call(document.querySelectorAll(".plot"));
  var charts = Array.prototype.slice.call(document.querySelectorAll(".chart"));
  var lanes = Array.prototype.slice.call(document.querySelectorAll("[data-lane]"));
  var at = 0;

  function clock(s) {
    var tenths = Math.round(s * 10) / 10, h = Math.floor(tenths / 3600), m = Math.floor(tenths / 60) % 60;
    var rest = (tenths % 60).toFixed(1).replace(/\.0$/, "");
    if (parseFloat(rest) < 10) { rest = "0" + rest; }
    return (h ? h + ":" + (m < 10 ? "0" : "") : "") + m + ":" + rest;
  }
  function long(s) {
    var h = Math.floor(s / 3600), m = Math.floor(s / 60) % 60, r = Math.floor(s % 60);
    return (h ? h + "h " : "") + (h || m ? m + "m " : "") + (h ? "" : r + "s");
  }
  function latency(s) { return s < 1 ? (s * 1000).toPrecision(s < 0.01 ? 2 : 3).replace(/\.0+$/, "") + " ms" : s.toPrecision(3) + " s"; }
  function rate(n) { return (n < 10 ? Math.round(n * 10) / 10 : Math.round(n)).toLocaleString("en") + "/s"; }
  function value(series, key) {
    var v = series ? series[Math.floor(at / data.column)] : null;
    var say = key === "p50" || key === "p99" ? latency : rate;
    if (v === null || v === undefined) { return "–"; }
    return Array.isArray(v) ? say(v[0]) + " – " + say(v[1]) : say(v);
  }
  function within(list) {
    return list.filter(function (x) { return x[1] <= at && at < x[2]; }).map(function (x) { return x[0]; });
  }
  function show(time) {
    at = Math.max(0, Math.min(data.end, time));
    root.style.setProperty("--x", (100 * at / data.end).toFixed(3) + "%");
    root.classList.add("pointing");
    charts.forEach(function (chart) {
      var curves = data.curves[chart.dataset.subject] || {};
      chart.querySelectorAll("output").forEach(function (out) {
        out.textContent = value(curves[out.dataset.key], out.dataset.key);
      });
    });
    lanes.forEach(function (lane) {
      lane.querySelector(".now").textContent = within(data.lanes[lane.dataset.lane] || [])[0] || "no data";
    });
    var parts = [clock(at) + " real"];
    if (data.scale !== 1) { parts.push(long(at * data.scale) + " story"); }
    parts = parts.concat(within(data.phases), within(data.faults).map(function (f) { return "fault " + f; }));
    when.textContent = parts.join(" · ");
    when.hidden = false;
  }
  function hide() {
    root.classList.remove("pointing");
    when.hidden = true;
    document.querySelectorAll(".chart output, .now").forEach(function (out) { out.textContent = ""; });
  }
  plots.forEach(function (plot) {
    function follow(event) {
      var box = plot.getBoundingClientRect();
      show(data.end * (event.clientX - box.left) / box.width);
    }
    plot.addEventListener("pointermove", follow);
    plot.addEventListener("pointerdown", follow);
    plot.addEventListener("pointerleave", function (event) { if (event.pointerType === "mouse") { hide(); } });
  });
  document.querySelectorAll(".plot.curves").forEach(function (plot) {
    plot.tabIndex = 0;
    plot.setAttribute("role", "group");
    plot.setAttribute("aria-label", "Chart. Left and right arrows read the values at an instant; Escape ends.");
    plot.addEventListener("focus", function () { if (plot.matches(":focus-visible")) { show(at); } });
    plot.addEventListener("blur", hide);
    plot.addEventListener("keydown", function (event) {
      var step = data.column * (event.shiftKey ? 10 : 1);
      var to = { ArrowLeft: at - step, ArrowRight: at + step, Home: 0, End: data.end - data.column }[event.key];
      if (event.key === "Escape") { hide(); }
      if (to === undefined) { return; }
      event.preventDefault();
      show(to);
    });
  });
}());
