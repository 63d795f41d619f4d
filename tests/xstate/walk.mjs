// Walks machines of XState 5: reads [{config, guards, walks}], prints for each step the active leaves and the actions.
import { readFileSync } from "node:fs";

const [, , library, jobs] = process.argv;
const { createMachine, initialTransition, transition } = await import(library);
const leaves = (snapshot) => snapshot._nodes.filter((node) => ["atomic", "final"].includes(node.type)).map((node) => node.id);
const named = (actions) => actions.map((action) => action.type).filter((type) => !type.startsWith("xstate."));

function walk(machine, events) {
  let [snapshot, actions] = initialTransition(machine);
  const steps = [[leaves(snapshot), named(actions)]];
  for (const type of events) {
    [snapshot, actions] = snapshot.status === "active" ? transition(machine, snapshot, { type }) : [snapshot, []];
    steps.push([leaves(snapshot), named(actions)]);
  }
  return steps;
}

const told = JSON.parse(readFileSync(jobs, "utf8")).map(({ config, guards, walks }) => {
  const answers = Object.fromEntries(Object.entries(guards).map(([name, answer]) => [name, () => answer]));
  const machine = createMachine(config, { guards: answers });
  return walks.map((events) => walk(machine, events));
});
console.log(JSON.stringify(told));
