// Runs a collection by Postman's own runtime, with variables as `name=value`, and prints what each test said.
//
// node tests/openapi/collection.mjs COLLECTION NAME=VALUE...

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const { Runner } = require('postman-runtime');
const { Collection, VariableScope } = require('postman-collection');

const [file, ...given] = process.argv.slice(2);
const collection = new Collection(JSON.parse(readFileSync(file, 'utf8')));
for (const pair of given) {
  const at = pair.indexOf('=');
  const [key, value] = [pair.slice(0, at), pair.slice(at + 1)];
  collection.variables.upsert({ key, value });
}

let failed = 0;
let passed = 0;
new Runner().run(collection, { environment: new VariableScope() }, (error, run) => {
  if (error) throw error;
  run.start({
    console: (_cursor, level, ...texts) => console.log(level, ...texts),
    exception: (_cursor, thrown) => {
      failed += 1;
      console.log('exception', thrown);
    },
    request: (problem, _cursor, response) => {
      if (problem) failed += 1;
      console.log(problem ?? `${response.code} ${response.text()}`);
    },
    assertion: (_cursor, assertions) => {
      for (const { name, error: wrong } of assertions) {
        if (wrong) failed += 1;
        else passed += 1;
        console.log(wrong ? 'failed' : 'passed', name, wrong?.message ?? '');
      }
    },
    done: (problem) => {
      console.log(`${passed} passed, ${failed} failed`);
      process.exit(problem || failed > 0 || passed === 0 ? 1 : 0);
    },
  });
});
