import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { northAuthority } from './certificates.test.ts'
import { knock } from './knock.ts'

test('a knock is a POST without a body, and follows no redirection', async (t) => {
  const authority = await northAuthority()
  const own = (await authority.leaf({ commonName: 'ward', dns: ['localhost'] })).credentials
  const asked: (readonly [string, string, string | undefined, number])[] = []
  const server = createServer(own, (request, response) => {
    let octets = 0
    request.on('data', (chunk: Buffer) => (octets += chunk.length))
    request.on('end', () => {
      const { method = '', url = '', headers } = request
      asked.push([method, url, headers.authorization, octets])
      response.writeHead(url === '/moved' ? 307 : 204, { location: '/hook' }).end()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  const { port } = server.address() as AddressInfo
  const base = `https://localhost:${port}`
  const { ca } = own
  assert.equal(await knock(`${base}/hook`, { authorization: 'Bearer abc' }, ca), 204)
  assert.equal(await knock(`${base}/moved`, {}, ca), 307)
  assert.deepEqual(asked, [
    ['POST', '/hook', 'Bearer abc', 0],
    ['POST', '/moved', undefined, 0],
  ])
  await assert.rejects(knock(`${base}/hook`, {}), 'a certificate that nobody trusts')
  assert.equal(asked.length, 2)
})
