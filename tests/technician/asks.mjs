// Of every case of the order, whether the app finds that the task meets the criteria, as JSON.
import { text } from 'node:stream/consumers';

const [folder] = process.argv.slice(2);
const { admits, askedAt } = await import(`${folder}/asks.js`);
const { cases, asks, now } = JSON.parse(await text(process.stdin));
const found = {
  admitted: cases.map(({ criteria, facts }) => admits(criteria, facts)),
  asked: now.map((at) => askedAt(asks, '600', { steps: [], byHand: [] }, {}, {}, at).map((one) => one.name)),
};
process.stdout.write(JSON.stringify(found));
