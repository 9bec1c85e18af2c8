/**
 * Writes the reference pages that can be read off the code: commands, admin API, configuration and
 * refusal codes. `node tools/make-reference.ts` writes them; a test holds them against the code.
 *
 * @module
 */

import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Command, Option } from 'commander'
import { format } from 'prettier'
import type { TSchema } from '#base'
import { gridPage, openPolicyEngine } from '#access'
import { EXIT_MEANINGS, newProgram, type Powers } from '#cli'
import { fibreRoutes, siteRoutes, type Route } from '#contract'
import { SiteConfigurationShape } from '#site'

type AnyRoute = Route<TSchema, TSchema, TSchema>

const root = resolve(import.meta.dirname, '..')

/** Every generated page, by its path in the repository. */
export async function referencePages(): Promise<Readonly<Record<string, string>>> {
  const pages = {
    'docs/reference/commands.md': commandsPage(),
    'docs/reference/admin-api.md': adminPage(),
    'docs/reference/configuration.md': configurationPage(),
    'docs/reference/refusals.md': refusalsPage(),
    'docs/reference/access-grid.md': await accessPage(),
  }
  const formatted = Object.entries(pages).map(async ([path, text]) => {
    const body = `<!-- Made by tools/make-reference.ts from the code; do not edit. -->\n\n${text}`
    return [path, await format(body, { parser: 'markdown' })] as const
  })
  return Object.fromEntries(await Promise.all(formatted))
}

function commandsPage(): string {
  const program = newProgram({ version: 'x' } as Powers)
  const lines = [
    '# Commands',
    '',
    'Data goes to stdout, talk to stderr. `--json` gives one document, or one a line where it streams.',
    '',
    '## For every command',
    '',
    optionTable(program.options),
    '',
    '## Exit statuses',
    '',
    '| status | meaning |',
    '| --- | --- |',
    ...Object.entries(EXIT_MEANINGS).map(([status, meaning]) => `| ${status} | ${meaning} |`),
  ]
  const walk = (command: Command, prefix: string): void => {
    for (const inner of command.commands) {
      const name = `${prefix} ${inner.name()}`
      if (inner.commands.length > 0) {
        lines.push('', `## ${name}`, '', inner.description())
        walk(inner, name)
        continue
      }
      const args = inner.registeredArguments.map((one) => {
        const mark = one.variadic ? `${one.name()}...` : one.name()
        return one.required ? ` <${mark}>` : ` [${mark}]`
      })
      lines.push('', `### ${name}${args.join('')}`, '', inner.description())
      if (inner.options.length > 0) lines.push('', optionTable(inner.options))
    }
  }
  walk(program, 'photonward')
  return lines.join('\n')
}

function optionTable(options: readonly Option[]): string {
  const rows = options.map(({ flags, description, defaultValue }) => {
    const standard = typeof defaultValue === 'string' ? `\`${defaultValue}\`` : ''
    return `| \`${flags}\` | ${escaped(description)} | ${standard} |`
  })
  return ['| option | meaning | default |', '| --- | --- | --- |', ...rows].join('\n')
}

function adminPage(): string {
  const tables = [
    ['A site', siteRoutes],
    ['A simulated fibre', fibreRoutes],
  ] as const
  const parts = tables.map(([title, routes]) => {
    const rows = Object.values<AnyRoute>(routes).map((route) => {
      const stream = route.stream === true ? ' (NDJSON)' : ''
      return `| ${route.method} | \`${route.path}\` | ${route.summary}${stream} |`
    })
    return [`## ${title}`, '', '| method | path | what |', '| --- | --- | --- |', ...rows].join(
      '\n',
    )
  })
  return [
    '# Admin API',
    '',
    'HTTP over the Unix socket `admin.sock` in the folder of a site or a fibre; whoever may enter the',
    'folder is the operator. JSON in and out; a refusal is `{"error":{"code","message","facts"}}`.',
    'Shapes of bodies and answers are the types of `src/contract/shapes.ts`.',
    '',
    ...parts,
  ].join('\n')
}

function configurationPage(): string {
  const rows: string[] = []
  const walk = (schema: TSchema, prefix: string): void => {
    const { properties } = schema as unknown as { properties?: Record<string, TSchema> }
    for (const [name, member] of Object.entries(properties ?? {})) {
      const path = prefix === '' ? name : `${prefix}.${name}`
      const items = member['items'] as TSchema | undefined
      if (items?.['properties'] !== undefined) walk(items, `${path}[]`)
      else if (member['properties'] !== undefined) walk(member, path)
      else rows.push(`| \`${path}\` | ${kindOf(member)} | ${standardOf(member)} |`)
    }
  }
  walk(SiteConfigurationShape, '')
  return [
    '# Configuration of a site',
    '',
    '`photonward.json` in the folder of the site. An unknown member is refused by name; a member',
    'without a default must be there. What each is for stands in `src/site/config.ts`.',
    '',
    '| member | value | default |',
    '| --- | --- | --- |',
    ...rows,
  ].join('\n')
}

function kindOf(schema: TSchema): string {
  const options = schema['anyOf'] as readonly { const?: string }[] | undefined
  if (options !== undefined) return options.map((one) => `\`${String(one.const)}\``).join(', ')
  const { minimum, maximum, exclusiveMinimum } = schema as unknown as Record<
    string,
    number | undefined
  >
  const type = String(schema['type'])
  if (type !== 'integer' && type !== 'number') return type === 'string' ? 'text' : type
  const low = minimum ?? exclusiveMinimum
  const range = low === undefined ? '' : ` from ${String(low)}`
  return `${type === 'integer' ? 'whole number' : 'number'}${range}${maximum === undefined ? '' : ` to ${String(maximum)}`}`
}

const standardOf = (schema: TSchema): string =>
  schema['default'] === undefined ? '' : `\`${JSON.stringify(schema['default'])}\``

async function accessPage(): Promise<string> {
  const folder = join(root, 'src/access/policies')
  const read = (name: string): string => readFileSync(join(folder, name), 'utf8')
  const policies = globSync('*.cedar', { cwd: folder }).toSorted().map(read)
  return gridPage(await openPolicyEngine({ schema: read('photonward.cedarschema'), policies }))
}

/** Codes of the unions named `…RefusalCode` and the like, with their comment or a message. */
function refusalsPage(): string {
  const paths = globSync('src/**/*.ts', { cwd: root }).toSorted()
  const sources = paths.filter((path) => !path.endsWith('.test.ts'))
  const texts = sources.map((path) => [path, readFileSync(join(root, path), 'utf8')] as const)
  const all = texts.map(([, text]) => text).join('\n')
  const parts = texts.flatMap(([path, text]) => {
    const unions = [...text.matchAll(CODE_UNION)]
    return unions.flatMap(([, name, body]) => {
      const rows = [...body.matchAll(MEMBER)].map(([, comment = '', code]) => {
        const meaning = comment === '' ? messageOf(all, code) : plain(comment)
        return `| \`${code}\` | ${escaped(meaning)} |`
      })
      const heading = `## ${name} (${path.split('/')[1]})`
      return [heading, '', '| code | meaning |', '| --- | --- |', ...rows, '']
    })
  })
  return [
    '# Refusal codes',
    '',
    'Codes are stable: programs may act on them. Messages may improve.',
    '',
    ...parts,
  ].join('\n')
}

/** The first message that is given with a code somewhere. */
function messageOf(all: string, code: string): string {
  const found = new RegExp(`'${code}',\\s*(['\`])((?:(?!\\1).)*)\\1`).exec(all)
  return (found?.[2] ?? '').replaceAll(/\$\{[^}]*\}/g, '…')
}

const plain = (comment: string): string =>
  comment
    .replaceAll(/\/\*\*?|\*\/|^\s*\*/gm, ' ')
    .replaceAll(/\s+/g, ' ')
    .trim()

const CODE_UNION =
  /export type (\w*(?:RefusalCode|SessionEnd|DiscardCause|CosignRefusal))\s*=\s*((?:\s|\||\/\*(?:(?!\*\/)[\s\S])*\*\/|'[^']*')+)/g
const MEMBER = /(\/\*\*(?:(?!\*\/)[\s\S])*\*\/)?\s*\|?\s*'([^']+)'/g

const escaped = (text: string): string => text.replaceAll('|', '\\|').replaceAll('<', '&lt;')

if (import.meta.main) {
  for (const [path, text] of Object.entries(await referencePages())) {
    writeFileSync(join(root, path), text)
  }
}
