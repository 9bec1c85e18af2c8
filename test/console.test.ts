/** The console asks the contract's routes, where the contract has them. */

import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { consoleRoutes, labRoutes, siteRoutes } from '#contract'
import { paths } from '../console/src/paths.ts'

const root = resolve(import.meta.dirname, '../console/src')

test('every path of the console is the contract’s path of that name', () => {
  for (const [name, [method, path]] of Object.entries(paths)) {
    const route = { ...consoleRoutes, ...siteRoutes, ...labRoutes }[name as keyof typeof paths]
    assert.deepEqual([route.method, route.path], [method, path], name)
  }
})

test('no screen asks the daemon but by the paths of the contract', () => {
  const text = readFileSync(join(root, 'api.ts'), 'utf8')
  assert.deepEqual(
    [...text.matchAll(/fetch\(([^,]+),/g)].map(([, what]) => what),
    ['path'],
  )
})

test('every command that a screen shows is one of the command line', () => {
  const known = readFileSync(resolve(root, '../../docs/reference/commands.md'), 'utf8')
  const files = globSync('**/*.tsx', { cwd: root }).map((file) => join(root, file))
  const shown = files.flatMap((file) => [
    ...readFileSync(file, 'utf8').matchAll(/photonward((?: [a-z][a-z-]*)+)/g),
  ])
  assert(shown.length > 8)
  for (const [command] of shown) {
    assert.match(known, new RegExp(`^###? ${command}( |$)`, 'm'), command)
  }
})
