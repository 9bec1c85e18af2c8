/**
 * Holds the code against the plan in `house.ts`: doors, walls, packages, globals, lengths.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { test } from 'node:test'
import ts from 'typescript'
import {
  bannedGlobals,
  composers,
  FILE_LINES_MAX,
  type Room,
  rooms,
  sharedPackages,
  sideDoors,
} from './house.ts'

const root = resolve(import.meta.dirname, '..')

interface Import {
  readonly target: string
  readonly typesOnly: boolean
}

/** All faults of one file, as `place: what is wrong`. */
export function faultsOf(path: string, text: string): string[] {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.ESNext, true)
  const faults: string[] = []
  const lines = text.split('\n').length - 1
  if (lines > FILE_LINES_MAX) faults.push(`${lines} lines, at most ${FILE_LINES_MAX} are allowed`)
  const room = path.startsWith('src/') ? path.split('/')[1] : undefined
  const isTest = path.endsWith('.test.ts')
  for (const found of importsOf(source)) faults.push(...importFaults(path, room, isTest, found))
  visit(source, (node) => {
    if (isMathRandom(node)) faults.push('Math.random is banned everywhere')
    if (room === undefined || room.endsWith('.ts') || isTest) return
    if (rooms[room]?.outside === true) return
    const global = bannedGlobal(node)
    if (global !== undefined) faults.push(`the global ${global} belongs behind a port`)
  })
  return faults.map((fault) => `${path}: ${fault}`)
}

function importFaults(
  path: string,
  room: string | undefined,
  isTest: boolean,
  { target, typesOnly }: Import,
): string[] {
  if (room === undefined || room.endsWith('.ts')) return composerFaults(path, target)
  const plan = rooms[room]
  if (plan === undefined) return [`the room ${room} is not in the plan`]
  if (target.startsWith('.')) {
    const inside = relative(join(root, 'src', room), resolve(root, dirname(path), target))
    return inside.startsWith('..') ? [`${target} leads through the wall of ${room}`] : []
  }
  if (target.startsWith('#')) return doorFaults(room, isTest, target.slice(1), typesOnly)
  if (target.startsWith('node:')) {
    const allowed = isTest || plan.outside === true || plan.builtins?.includes(target) === true
    return allowed ? [] : [`${room} may not import ${target}`]
  }
  const name = packageName(target)
  const allowed = plan.packages?.includes(name) === true || sharedPackages[name] !== undefined
  return allowed || isTest ? [] : [`${room} may not import the package ${name}`]
}

function doorFaults(room: string, isTest: boolean, door: string, typesOnly: boolean): string[] {
  const plan = planOf(room)
  const side = door in sideDoors && plan.opens.includes(door.split('/')[0])
  const ofTests = isTest && (door.split('/')[0] === room || door === 'world/ports')
  const open = plan.opens.includes(door) || side || ofTests
  if (open) return []
  const types = plan.opensTypesOf?.includes(door) === true
  if (types && (typesOnly || isTest)) return []
  if (types) return [`${room} may open #${door} for types only`]
  return [`${room} may not open the door #${door}`]
}

/** Composers come in by the doors as well; only tests of the house itself look behind them. */
function composerFaults(path: string, target: string): string[] {
  if (!target.startsWith('.')) return []
  const file = relative(root, resolve(root, dirname(path), target))
  const behind = file.startsWith('src/') && file.split('/').length > 2
  return behind ? [`${target} goes round the door of a room`] : []
}

function planOf(room: string): Room {
  const plan = rooms[room]
  assert(plan !== undefined, `the room ${room} is not in the plan`)
  return plan
}

function packageName(target: string): string {
  const parts = target.split('/')
  return target.startsWith('@') ? parts.slice(0, 2).join('/') : parts[0]
}

function importsOf(source: ts.SourceFile): Import[] {
  const found: Import[] = []
  visit(source, (node) => {
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) {
      if (node.moduleSpecifier === undefined) return
      const typesOnly = ts.isImportDeclaration(node)
        ? node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword
        : node.isTypeOnly
      found.push({ target: (node.moduleSpecifier as ts.StringLiteral).text, typesOnly })
    }
    if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [target] = node.arguments
      const known = ts.isStringLiteral(target) ? target.text : './computed-import'
      found.push({ target: known, typesOnly: false })
    }
  })
  return found
}

const isMathRandom = (node: ts.Node): boolean =>
  ts.isPropertyAccessExpression(node) && node.getText() === 'Math.random'

/** The banned global that this node reads, unless the name is bound or a member here. */
function bannedGlobal(node: ts.Node): string | undefined {
  if (!ts.isIdentifier(node) || !bannedGlobals.includes(node.text)) return undefined
  const { parent } = node
  if (ts.isPropertyAccessExpression(parent) && parent.name === node) {
    return parent.expression.getText() === 'globalThis' ? node.text : undefined
  }
  if (ts.isTypeReferenceNode(parent) || ts.isImportSpecifier(parent)) return undefined
  const named = parent as ts.Node & { readonly name?: ts.Node }
  return named.name === node ? undefined : node.text
}

function visit(node: ts.Node, look: (node: ts.Node) => void): void {
  look(node)
  ts.forEachChild(node, (child) => visit(child, look))
}

function sourceFiles(): string[] {
  return ['src', ...composers, 'tools'].flatMap((folder) => {
    if (!existsSync(join(root, folder))) return []
    const found = readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    return found
      .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
      .map((entry) => relative(root, join(entry.parentPath, entry.name)))
  })
}

test('every file keeps to the plan of the house', () => {
  const faults = sourceFiles().flatMap((path) =>
    faultsOf(path, readFileSync(join(root, path), 'utf8')),
  )
  assert.deepEqual(faults, [])
})

test('every room of the plan has a door, and every door is in package.json', () => {
  const folders = readdirSync(join(root, 'src'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
  for (const room of folders) planOf(room)
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    imports: Record<string, string>
  }
  const doors = folders.map((room) => [`#${room}`, `./src/${room}/mod.ts`])
  const more = Object.entries(sideDoors).map(([door, file]) => [`#${door}`, file])
  assert.deepEqual(manifest.imports, Object.fromEntries([...doors, ...more]))
  for (const file of Object.values(manifest.imports)) assert(existsSync(join(root, file)), file)
})

test('no room opens a door that leads back to itself', () => {
  const reach = (room: string, seen: readonly string[]): void => {
    assert(!seen.includes(room), `circle: ${[...seen, room].join(' -> ')}`)
    for (const next of planOf(room).opens) reach(next.split('/')[0], [...seen, room])
  }
  for (const room of Object.keys(rooms)) reach(room, [])
})

test('the check finds each kind of fault', () => {
  const faulty: readonly (readonly [string, string, RegExp])[] = [
    ['src/base/x.ts', "import { seal } from '#crypto'", /may not open the door #crypto/],
    ['src/crypto/x.ts', "import { hex } from '../base/bytes.ts'", /leads through the wall/],
    ['src/crypto/x.ts', "import { readFile } from 'node:fs'", /may not import node:fs/],
    ['src/crypto/x.ts', "import { x } from 'left-pad'", /may not import the package left-pad/],
    ['src/base/x.ts', 'const dice = Math.random()', /Math\.random is banned/],
    ['src/base/x.ts', 'const at = new Date()', /the global Date belongs behind a port/],
    ['src/base/x.ts', 'globalThis.fetch(url)', /the global fetch belongs behind a port/],
    ['src/base/x.ts', "const late = await import('#crypto')", /may not open the door #crypto/],
    ['bench/x.ts', "import { hex } from '../src/base/bytes.ts'", /goes round the door/],
    ['src/attic/x.ts', "import { hex } from '#base'", /not in the plan/],
    ['src/base/x.ts', 'let i = 0\n'.repeat(501), /at most 500 are allowed/],
  ]
  for (const [path, text, expected] of faulty) {
    assert.match(faultsOf(path, text).join('\n'), expected, text.slice(0, 60))
  }
  const sound = "import { hex } from '#base'\nexport const date = (d: { Date: number }) => d.Date\n"
  assert.deepEqual(faultsOf('src/crypto/x.ts', sound), [])
})
