"use strict";
/* The page of a served cluster: lists and watches what there is, and sends what is asked for. Text is only ever text. */
const MOST = {nodes: 200, pods: 60, pending: 40, events: 150};
const byId = (id) => document.getElementById(id);
const store = {nodes: new Map(), pods: new Map(), events: new Map(), deployments: new Map(), statefulsets: new Map()};
const why = new Map();
let token = "";
let drawing = false;
let clock = {now: "", speed: 0, paused: false};

function element(tag, attributes = {}, ...parts) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "onclick") made.addEventListener("click", value);
    else if (value !== undefined) made.setAttribute(name, value);
  }
  made.append(...parts.flat().filter((each) => each !== "" && each != null));
  return made;
}

function say(text, kind = "soft") {
  byId("said").textContent = text;
  byId("said").className = kind;
}

async function send(method, path, body, type = "application/json") {
  const answer = await fetch(path, {
    method, cache: "no-store",
    headers: {Authorization: `Bearer ${token}`, Accept: "application/json", ...(body ? {"Content-Type": type} : {})},
    body: body ? JSON.stringify(body) : undefined,
  });
  if (answer.status === 401) { ask("The token is not that of this server."); throw new Error("Unauthorized"); }
  const found = await answer.json();
  if (!answer.ok) throw Object.assign(new Error(found.message || `answered with ${answer.status}`), {status: answer.status});
  return found;
}

async function act(what, doing) {
  say(`${what} ...`);
  try { say(await doing() || `${what}: done`, "good"); } catch (error) { say(`${what}: ${error.message}`, "bad"); }
}

/* Lists and watches */
const keyOf = (object) => `${object.metadata.namespace || ""}/${object.metadata.name}`;

async function follow(path, into) {
  for (;;) {
    try {
      const list = await send("GET", path);
      into.clear();
      for (const each of list.items) into.set(keyOf(each), each);
      draw();
      await watch(path, into, list.metadata.resourceVersion);
    } catch (error) {
      if (error.message === "Unauthorized") return;
      say(`The server does not answer: ${error.message}`, "bad");
    }
    await new Promise((done) => setTimeout(done, 1000));
  }
}

async function watch(path, into, version) {
  const query = `?watch=true&allowWatchBookmarks=true&resourceVersion=${encodeURIComponent(version)}`;
  const answer = await fetch(path + query, {headers: {Authorization: `Bearer ${token}`}, cache: "no-store"});
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const {done, value} = await reader.read();
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const line of lines.filter(Boolean)) {
      const {type, object} = JSON.parse(line);
      if (type === "ERROR") return;
      if (type === "DELETED") into.delete(keyOf(object));
      else if (type !== "BOOKMARK") into.set(keyOf(object), object);
    }
    draw();
  }
}

/* Amounts */
const UNITS = {m: 1e-3, k: 1e3, M: 1e6, G: 1e9, T: 1e12, Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40, "": 1};
function amount(text) {
  const found = /^([0-9.]+)([a-zA-Z]*)$/.exec(text || "0");
  return found ? Number(found[1]) * (UNITS[found[2]] || 1) : 0;
}
function shown(resource, value) {
  if (resource === "memory") return value >= 2 ** 30 ? `${(value / 2 ** 30).toFixed(1)}Gi` : `${Math.round(value / 2 ** 20)}Mi`;
  return String(Math.round(value * 1000) / 1000);
}
function requested(pod, resource) {
  const of = (containers) => (containers || []).map((each) => amount(((each.resources || {}).requests || {})[resource]));
  return Math.max(of(pod.spec.containers).reduce((sum, each) => sum + each, 0), ...of(pod.spec.initContainers), 0)
    + amount((pod.spec.overhead || {})[resource]);
}

/* What there is to see */
const ended = (pod) => ["Succeeded", "Failed"].includes((pod.status || {}).phase);
function stateOf(pod) {
  if (pod.metadata.deletionTimestamp) return "Terminating";
  const waiting = ((pod.status || {}).containerStatuses || []).map((each) => ((each.state || {}).waiting || {}).reason).find(Boolean);
  if (waiting && waiting !== "ContainerCreating" && waiting !== "PodInitializing") return waiting;
  if (!pod.spec.nodeName && !ended(pod)) return "Pending";
  return (pod.status || {}).phase || "Unknown";
}
const WELL = ["Running", "Succeeded"];
function ready(node) {
  const found = ((node.status || {}).conditions || []).find((each) => each.type === "Ready");
  const word = !found || found.status === "Unknown" ? "Unknown" : found.status === "True" ? "Ready" : "NotReady";
  return node.spec && node.spec.unschedulable ? `${word}, SchedulingDisabled` : word;
}

function bar(label, asked, has, resource) {
  const inner = element("i");
  inner.style.width = `${Math.min(100, has ? asked * 100 / has : 0)}%`;
  return element("div", {class: "bar"}, element("span", {}, label), element("i", {"aria-hidden": "true"}, inner),
    element("span", {class: "soft"}, `${shown(resource, asked)} of ${shown(resource, has)}`));
}

/* Cards are kept: one is made anew only when what it shows has changed, and focus and what is unfolded stay. */
function cards(list, wanted) {
  const there = new Map([...list.children].map((each) => [each.dataset.key, each]));
  let last = null;
  for (const {key, mark, make, kind} of wanted) {
    let card = there.get(key);
    there.delete(key);
    if (!card) card = element("li", {"data-key": key});
    if (card.dataset.mark !== mark) {
      const focused = card.contains(document.activeElement) ? document.activeElement.dataset.act : "";
      const unfolded = [...card.querySelectorAll("details[open]")].map((each) => each.dataset.act);
      card.replaceChildren(...make());
      for (const each of card.querySelectorAll("details")) if (unfolded.includes(each.dataset.act)) each.open = true;
      if (focused) { const found = card.querySelector(`[data-act="${CSS.escape(focused)}"]`); if (found) found.focus(); }
      card.dataset.mark = mark;
    }
    card.className = kind;
    const place = last ? last.nextSibling : list.firstChild;
    if (card !== place) list.insertBefore(card, place);
    last = card;
  }
  for (const card of there.values()) card.remove();
}

function button(label, name, doing) {
  return element("button", {"aria-label": `${label} ${name}`, "data-act": label, onclick: doing}, label);
}

function drawNodes(pods) {
  const held = new Map();
  for (const pod of pods) if (pod.spec.nodeName && !ended(pod)) (held.get(pod.spec.nodeName) || held.set(pod.spec.nodeName, []).get(pod.spec.nodeName)).push(pod);
  const nodes = [...store.nodes.values()].sort((a, b) => a.metadata.name < b.metadata.name ? -1 : 1);
  byId("more-nodes").textContent = nodes.length > MOST.nodes ? `... and ${nodes.length - MOST.nodes} more` : "";
  cards(byId("nodes"), nodes.slice(0, MOST.nodes).map((node) => {
    const name = node.metadata.name;
    const on = (held.get(name) || []).sort((a, b) => keyOf(a) < keyOf(b) ? -1 : 1);
    const status = ready(node);
    const states = on.map((pod) => [keyOf(pod), stateOf(pod)]);
    return {
      key: name, mark: JSON.stringify([status, states, node.status.allocatable]), kind: status === "Ready" ? "card" : "card down",
      make: () => nodeCard(node, on, status, states),
    };
  }));
}

function nodeCard(node, on, status, states) {
  const name = node.metadata.name;
  const has = node.status.allocatable || {};
  const cordoned = node.spec && node.spec.unschedulable;
  const perform = (operation) => () => act(`${operation} ${name}`, async () => { await send("POST", "/kubelogic/v1/perform", {operation, node: name}); });
  const sum = (resource) => on.reduce((total, pod) => total + requested(pod, resource), 0);
  const chips = states.slice(0, MOST.pods).map(([key, state]) =>
    element("li", {class: WELL.includes(state) ? "" : "bad", title: state}, WELL.includes(state) ? key : `${key} (${state})`));
  return [
    element("h3", {}, name),
    element("p", {class: status === "Ready" ? "good" : "warn"}, status),
    bar("pods", on.length, amount(has.pods), "pods"), bar("cpu", sum("cpu"), amount(has.cpu), "cpu"),
    bar("memory", sum("memory"), amount(has.memory), "memory"),
    element("details", {"data-act": "pods"}, element("summary", {"data-act": "summary"}, `${on.length} ${on.length === 1 ? "pod" : "pods"}`), element("ul", {class: "chips"}, chips),
      states.length > MOST.pods ? element("p", {class: "soft"}, `... and ${states.length - MOST.pods} more`) : ""),
    element("div", {class: "row"}, button("fail", name, perform("fail")), button("heal", name, perform("heal")),
      cordoned ? button("uncordon", name, perform("uncordon")) : button("cordon", name, perform("cordon")),
      button("drain", name, () => act(`drain ${name}`, () => drain(name)))),
  ];
}

async function drain(name) {
  await send("POST", "/kubelogic/v1/perform", {operation: "cordon", node: name});
  const pods = [...store.pods.values()].filter((pod) => pod.spec.nodeName === name && !ended(pod) && !pod.metadata.deletionTimestamp
    && !(pod.metadata.ownerReferences || []).some((owner) => owner.kind === "DaemonSet")
    && !((pod.metadata.annotations || {})["kubernetes.io/config.mirror"]));
  const refused = [];
  for (const pod of pods) {
    const {namespace, name: called} = pod.metadata;
    try {
      await send("POST", `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(called)}/eviction`,
        {apiVersion: "policy/v1", kind: "Eviction", metadata: {name: called, namespace}});
    } catch (error) { refused.push(`${called}: ${error.message}`); }
  }
  if (refused.length) throw new Error(`${pods.length - refused.length} of ${pods.length} pods evicted; ${refused[0]}${refused.length > 1 ? ` (and ${refused.length - 1} more)` : ""}`);
  return `drain ${name}: ${pods.length} ${pods.length === 1 ? "pod" : "pods"} evicted`;
}

function drawPending(pods) {
  const waiting = pods.filter((pod) => stateOf(pod) === "Pending").sort((a, b) => keyOf(a) < keyOf(b) ? -1 : 1);
  byId("none-pending").hidden = waiting.length > 0;
  const failures = new Map([...store.events.values()].filter((each) => each.reason === "FailedScheduling")
    .map((each) => [`${each.involvedObject.namespace}/${each.involvedObject.name}`, each.message]));
  cards(byId("pending"), waiting.slice(0, MOST.pending).map((pod) => {
    const told = why.get(keyOf(pod));
    const message = failures.get(keyOf(pod)) || "";
    return {
      key: keyOf(pod), kind: "card waits", mark: JSON.stringify([message, told ? told.state : ""]),
      make: () => pendingCard(pod, message, told),
    };
  }));
}

function pendingCard(pod, message, told) {
  const unfold = element("details", {"data-act": "why"}, element("summary", {"data-act": "summary"}, "Why, and what would help"),
    ...(told ? told.parts : [element("p", {class: "soft"}, "Asking ...")]));
  unfold.addEventListener("toggle", () => { if (unfold.open && !why.has(keyOf(pod))) explain(pod); });
  return [element("h3", {}, keyOf(pod)), element("p", {}, message || "Not looked at yet."), unfold];
}

async function explain(pod) {
  const key = keyOf(pod);
  why.set(key, {state: "asked", parts: [element("p", {class: "soft"}, "Asking ...")]});
  try {
    const found = await send("GET", `/kubelogic/v1/explain/${encodeURIComponent(pod.metadata.namespace)}/${encodeURIComponent(pod.metadata.name)}`);
    why.set(key, {state: "told", parts: explanation(found)});
  } catch (error) { why.set(key, {state: "failed", parts: [element("p", {class: "bad"}, error.message)]}); }
  draw();
}

function explanation(found) {
  const items = (rows) => element("ul", {}, rows.map((each) => element("li", {}, each)));
  const parts = [element("p", {}, element("strong", {}, found.verdict))];
  const titled = (title, rows) => { if (rows.length) parts.push(element("p", {}, element("strong", {}, title)), items(rows)); };
  titled("What it waits for", (found.waitsFor || []).map((each) => each.text));
  const alike = new Map();
  for (const each of found.blockers) alike.set(`${each.code} ${each.reason}`, [...(alike.get(`${each.code} ${each.reason}`) || []), each]);
  titled("What is in the way", [...alike.values()].map((group) => {
    const others = new Set(group.map((each) => each.node)).size - 1;
    return `${group[0].detail} [${group[0].code}]${others > 0 ? `; likewise ${others} more` : ""}`;
  }));
  titled("These cannot all hold", found.conflict.map((each) => each.text));
  titled("Any one of these places it (each was tried)", found.repairs.map((each) => `${each.summary} (${each.owner})`));
  return parts;
}

function drawWorkloads() {
  const all = [...[...store.deployments.values()].map((each) => ["deployments", each]), ...[...store.statefulsets.values()].map((each) => ["statefulsets", each])];
  all.sort((a, b) => keyOf(a[1]) < keyOf(b[1]) ? -1 : 1);
  cards(byId("workloads"), all.map(([plural, each]) => {
    const wanted = each.spec.replicas ?? 1;
    const there = (each.status || {}).readyReplicas || 0;
    return {
      key: `${plural}/${keyOf(each)}`, mark: JSON.stringify([wanted, there]), kind: there < wanted ? "card down" : "card",
      make: () => {
        const name = keyOf(each);
        const scale = (replicas) => () => act(`scale ${name} to ${replicas}`, async () => {
          const {namespace, name: called} = each.metadata;
          await send("PATCH", `/apis/apps/v1/namespaces/${encodeURIComponent(namespace)}/${plural}/${encodeURIComponent(called)}/scale`,
            {spec: {replicas}}, "application/merge-patch+json");
        });
        return [element("h3", {}, name), element("p", {class: there < wanted ? "warn" : "good"}, `${there} of ${wanted} ready`),
          element("div", {class: "row"}, element("button", {"aria-label": `One less of ${name}`, "data-act": "less", onclick: scale(Math.max(wanted - 1, 0))}, "\u2212 1"),
            element("button", {"aria-label": `One more of ${name}`, "data-act": "more", onclick: scale(wanted + 1)}, "+ 1"))];
      },
    };
  }));
}

function moment(text) {
  const [day, time] = text.replace(/\.\d+|Z/g, "").split("T");
  return element("time", {datetime: text}, element("span", {}, day), " ", element("span", {}, time || ""));
}

function drawTimeline() {
  const when = (each) => each.lastTimestamp || each.eventTime || each.metadata.creationTimestamp || "";
  const last = [...store.events.values()].sort((a, b) => when(a) < when(b) ? 1 : -1).slice(0, MOST.events);
  byId("timeline").replaceChildren(...last.map((each) => element("tr", {class: each.type === "Warning" ? "warn" : ""},
    element("td", {}, moment(when(each))),
    element("td", {}, `${each.involvedObject.kind} ${each.involvedObject.name}`),
    element("td", {}, `${each.reason}: ${each.message || ""}${each.count > 1 ? ` (${each.count} times)` : ""}`))));
}

function draw() {
  if (drawing) return;
  drawing = true;
  setTimeout(() => {
    drawing = false;
    const pods = [...store.pods.values()];
    for (const key of why.keys()) if (!store.pods.has(key) || stateOf(store.pods.get(key)) !== "Pending") why.delete(key);
    const counts = {};
    for (const pod of pods) counts[stateOf(pod)] = (counts[stateOf(pod)] || 0) + 1;
    const down = [...store.nodes.values()].filter((node) => !ready(node).startsWith("Ready")).length;
    byId("verdict").textContent = `${pods.length} ${pods.length === 1 ? "pod" : "pods"}, ${counts.Running || 0} running`
      + (counts.Pending ? `, ${counts.Pending} pending` : "") + `; ${store.nodes.size} nodes` + (down ? `, ${down} of them down` : "");
    byId("tiles").replaceChildren(...Object.entries(counts).sort().map(([state, number]) =>
      element("li", {}, element("b", {class: WELL.includes(state) ? "good" : "bad"}, String(number)), state)));
    drawPending(pods); drawNodes(pods); drawWorkloads(); drawTimeline();
  }, 150);
}

/* The clock */
function drawClock(found) {
  clock = found;
  byId("now").textContent = clock.now.replace("T", " ").replace("Z", " UTC");
  const stands = clock.paused || !clock.speed;
  byId("pause").textContent = clock.paused ? "Go on" : "Pause";
  byId("pause").setAttribute("aria-pressed", String(clock.paused));
  byId("pause").disabled = !clock.speed;
  byId("now").className = stands ? "warn" : "";
  const known = [...byId("speed").options].some((each) => Number(each.value) === clock.speed);
  if (!known) byId("speed").append(element("option", {value: clock.speed}, `${clock.speed} times`));
  if (document.activeElement !== byId("speed")) byId("speed").value = String(clock.speed);
}
const move = (what, body) => act(what, async () => { drawClock(await send("POST", "/kubelogic/v1/clock", body)); });
async function tick() {
  try { drawClock(await send("GET", "/kubelogic/v1/clock")); } catch (error) { if (error.message === "Unauthorized") return; }
  setTimeout(tick, 1000);
}

/* The token comes in the fragment of the address, which no browser sends to a server. */
function ask(text) {
  byId("ask").hidden = false;
  byId("verdict").textContent = "Who asks?";
  say(text);
}
function open(given) {
  token = given;
  sessionStorage.setItem("kubelogic", token);
  byId("ask").hidden = true;
  say("");
  follow("/api/v1/nodes", store.nodes);
  follow("/api/v1/pods", store.pods);
  follow("/api/v1/events", store.events);
  follow("/apis/apps/v1/deployments", store.deployments);
  follow("/apis/apps/v1/statefulsets", store.statefulsets);
  tick();
}
byId("pause").addEventListener("click", () => move(clock.paused ? "go on" : "pause", {paused: !clock.paused}));
byId("speed").addEventListener("change", (event) => move("speed", {speed: Number(event.target.value), paused: false}));
for (const each of document.querySelectorAll("[data-step]")) each.addEventListener("click", () => move(`step ${each.dataset.step}`, {step: each.dataset.step}));
byId("jump").addEventListener("submit", (event) => { event.preventDefault(); move(`jump ${byId("by").value}`, {step: byId("by").value.trim()}); });
byId("ask").addEventListener("submit", (event) => { event.preventDefault(); open(byId("token").value.trim()); });
const given = new URLSearchParams(location.hash.slice(1)).get("token");
if (given) history.replaceState(null, "", location.pathname);
const known = given || sessionStorage.getItem("kubelogic");
if (known) open(known); else ask("kubelogic serve prints the address of this page with its token; it also is in the kubeconfig.");
