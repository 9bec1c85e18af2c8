/**
 * The peer of the keys benchmark, a process of its own: a bare handler of Node that answers every
 * request with one key from memory, over the same TLS, and keeps nothing.
 *
 *   node bare.ts <folder with key.pem, cert.pem and ca.pem>
 *
 * @module
 */

import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { pemsIn } from './load.ts'

const answer = JSON.stringify({
  keys: [{ key_ID: '00000000-0000-4000-8000-000000000000', key: 'A'.repeat(43) + '=' }],
})
const server = createServer({ ...pemsIn(process.argv[2]), requestCert: true }, (_, response) => {
  response.setHeader('content-type', 'application/json')
  response.end(answer)
})
server.listen(0, '127.0.0.1', () => {
  console.log((server.address() as AddressInfo).port)
})
