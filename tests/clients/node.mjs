// The npm package toxiproxy-node-client 4.1.0 against a server on 127.0.0.1:8474.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createRequire } from "node:module";
import net from "node:net";

const require = createRequire(`${process.env.CLIENTS}/npm/`);
const { Toxiproxy } = require("toxiproxy-node-client");

const parrot = net.createServer({ allowHalfOpen: true }, (socket) => {
  // a reset reaches the server, too
  socket.on("error", () => {});
  socket.pipe(socket);
});
parrot.listen(0, "127.0.0.1");
await once(parrot, "listening");
const upstream = `127.0.0.1:${parrot.address().port}`;

async function dial(listen) {
  const [host, port] = listen.split(":");
  const socket = net.connect({ host, port: Number(port), noDelay: true });
  await once(socket, "connect");
  return socket;
}

async function ping(socket) {
  const asked = performance.now();
  socket.write("ping");
  await once(socket, "data");
  return performance.now() - asked;
}

const server = new Toxiproxy("http://127.0.0.1:8474");
assert.match(await server.getVersion(), /2\.\d+\.\d+/);
await server.reset();

const proxy = await server.createProxy({ name: "web", listen: "localhost:0", upstream });
assert.match(proxy.listen, /^127\.0\.0\.1:[1-9]/);
assert.equal(proxy.enabled, true);
await assert.rejects(server.createProxy({ name: "web", upstream }), /409/);
await assert.rejects(server.get("nothing"), /404/);
assert.deepEqual(Object.keys(await server.getAll()), ["web"]);

const socket = await dial(proxy.listen);
await ping(socket);
const toxic = await proxy.addToxic({
  name: "slow",
  type: "latency",
  stream: "downstream",
  toxicity: 1,
  attributes: { latency: 300, jitter: 0 },
});
assert.deepEqual(toxic.attributes, { latency: 300, jitter: 0 });
assert.ok((await ping(socket)) >= 300);
const slower = await toxic.update({ attributes: { latency: 500, jitter: 0 } });
assert.equal(slower.attributes.latency, 500);
assert.ok((await ping(socket)) >= 500);
assert.equal((await proxy.getToxic("slow")).attributes.latency, 500);
await assert.rejects(
  proxy.addToxic({ name: "slow", type: "noop", stream: "upstream", toxicity: 1, attributes: {} }),
  /409/,
);
await toxic.remove();
await assert.rejects(proxy.getToxic("slow"), /404/);

await proxy.addToxic({
  name: "cut",
  type: "reset_peer",
  stream: "upstream",
  toxicity: 1,
  attributes: { timeout: 0 },
});
const cut = await dial(proxy.listen);
cut.write("x");
const [error] = await once(cut, "error");
assert.equal(error.code, "ECONNRESET");

await proxy.update({ enabled: false, listen: proxy.listen, upstream });
await assert.rejects(dial(proxy.listen), /ECONNREFUSED/);
await server.reset();
await ping(await dial(proxy.listen));

const made = await server.populate([
  { name: "web", listen: proxy.listen, upstream },
  { name: "more", listen: "127.0.0.1:0", upstream },
]);
assert.deepEqual(Object.keys(made), ["web", "more"]);
await proxy.remove();
await made.more.remove();
assert.deepEqual(await server.getAll(), {});
console.log("toxiproxy-node-client: ok");
process.exit(0);
