/** Every conformance vector passes. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { OPERATIONS } from "./operations.js";
import { differences, files, vectorsOf } from "./vectors.js";

// needs a runtime: tests/golden.test.ts
const LATER = new Set(["golden"]);

for (const file of files()) {
  const vectors = vectorsOf(file).filter((vector) => !LATER.has(vector.op));
  test(`${file}: ${vectors.length} vectors`, async () => {
    for (const vector of vectors) {
      const operation = OPERATIONS[vector.op];
      assert.ok(operation, `nobody knows the operation ${vector.op}`);
      const answer = await operation(vector.given);
      const found = differences(vector.expected, answer);
      assert.deepEqual(found, [], `${vector.op}, ${vector.name}`);
      if (answer.refused) assert.match(answer.sentence, /^[^\n]{20,400}[.]$/, vector.name);
    }
  });
}

test("an answer that is another one is found", () => {
  assert.deepEqual(differences({ a: [1, 2.5] }, { a: [1, 2.5 + 1e-12] }), []);
  assert.equal(differences({ a: [1, 2.5] }, { a: [1, 2.6] }).length, 1);
  assert.equal(differences({ a: [1] }, { a: [1, 2] }).length, 1);
  assert.equal(differences({ a: 1 }, {}).length, 1);
});
