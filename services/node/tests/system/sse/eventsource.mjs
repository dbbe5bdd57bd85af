// Reads a zone's feed with the npm package `eventsource` until it has so many changes.
import { EventSource } from 'eventsource';

const [url, count] = [process.argv[2], Number(process.argv[3])];
const seen = [];
const source = new EventSource(url);
source.addEventListener('change', (event) => {
  seen.push(JSON.parse(event.data).sequence);
  if (seen.length === count) {
    source.close();
    const isWhole = seen.every((sequence, index) => sequence === index + 1);
    console.log(`eventsource: ${isWhole ? 'each once, in order' : seen}`);
    process.exit(isWhole ? 0 : 1);
  }
});
for (const name of ['gap', 'reset']) {
  source.addEventListener(name, (event) => {
    console.log(`eventsource: ${name} ${event.data}`);
    process.exit(1);
  });
}
