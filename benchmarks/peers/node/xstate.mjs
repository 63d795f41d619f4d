// xstate 5: reads a number of events per line, sends them round the chart, prints the seconds that it took.
import { createInterface } from "node:readline";
import { createActor, createMachine, initialTransition, transition } from "xstate";

const machine = createMachine({
  id: "order",
  initial: "received",
  states: {
    received: { on: { accept: "accepted", reject: "rejected" } },
    accepted: { on: { hold: "held", withdraw: "received", complete: "completed" } },
    held: { on: { resume: "accepted" } },
    completed: { type: "final" },
    rejected: { type: "final" },
  },
});
const events = ["accept", "hold", "resume", "withdraw"].map((type) => ({ type }));

function actor() {
  const order = createActor(machine).start();
  return (number) => {
    for (let place = 0; place < number; place++) order.send(events[place % 4]);
    return order.getSnapshot().value;
  };
}

function pure() {
  let [snapshot] = initialTransition(machine);
  return (number) => {
    for (let place = 0; place < number; place++) [snapshot] = transition(machine, snapshot, events[place % 4]);
    return snapshot.value;
  };
}

const run = process.argv[2] === "pure" ? pure() : actor();
for await (const line of createInterface({ input: process.stdin })) {
  const begin = performance.now();
  const state = run(Number(line));
  const seconds = (performance.now() - begin) / 1000;
  if (state !== "received") throw new Error(`ended in ${state}`);
  console.log(seconds);
}
