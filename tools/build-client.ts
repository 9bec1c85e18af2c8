/**
 * Builds the published client: JavaScript and declarations of `src/gateway/kme-client.ts` and of what
 * it stands on, as a package of its own without dependencies. Node does not strip types under
 * `node_modules`, so a package needs them gone.
 *
 *   node tools/build-client.ts [folder]     default: dist
 *
 * Doors are big; the client needs little of what is behind them. So each name that comes through a
 * door is taken from the file that declares it, and only such files are built.
 *
 * @module
 */

import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import ts from 'typescript'

const root = resolve(import.meta.dirname, '..')
const entry = join(root, 'src/gateway/kme-client.ts')

/** Builds the package into a folder, which is emptied. @returns the files of the client, below `src` */
export function buildClient(folder: string): readonly string[] {
  const options = optionsFor(folder)
  const sources = gathered(ts.createProgram([entry], options))
  rmSync(folder, { recursive: true, force: true })
  emit(sources, options)
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest(), undefined, 2)}\n`)
  cpSync(join(root, 'LICENSE'), join(folder, 'LICENSE'))
  cpSync(join(root, 'docs/reference/client.md'), join(folder, 'README.md'))
  return [...sources.keys()].map((path) => relative(join(root, 'src'), path)).toSorted()
}

function optionsFor(folder: string): ts.CompilerOptions {
  const file = ts.readConfigFile(join(root, 'tsconfig.json'), (path) => ts.sys.readFile(path))
  const { options } = ts.convertCompilerOptionsFromJson(
    (file.config as { readonly compilerOptions: object }).compilerOptions,
    root,
  )
  return {
    ...options,
    ...{ target: ts.ScriptTarget.ES2023, noEmit: false, declaration: true },
    ...{ allowImportingTsExtensions: false, rewriteRelativeImportExtensions: true },
    ...{ rootDir: join(root, 'src'), outDir: join(folder, 'client') },
  }
}

/** The texts of all files that the entry stands on, with names taken from where they are declared. */
function gathered(program: ts.Program): ReadonlyMap<string, string> {
  const sources = new Map<string, string>()
  const reach = (path: string): void => {
    if (sources.has(path)) return
    const source = program.getSourceFile(path)
    if (source === undefined) throw new Error(`No source at ${path}`)
    const { text, needs } = rewritten(program, source)
    sources.set(path, text)
    needs.forEach(reach)
  }
  reach(entry)
  return sources
}

function rewritten(
  program: ts.Program,
  source: ts.SourceFile,
): { readonly text: string; readonly needs: ReadonlySet<string> } {
  const needs = new Set<string>()
  let { text } = source
  const from = dirname(source.fileName)
  const specifierOf = (path: string): string => {
    needs.add(path)
    const way = relative(from, path).replace(/\.ts$/, '.js')
    return way.startsWith('.') ? way : `./${way}`
  }
  for (const statement of source.statements.toReversed()) {
    if (!ts.isImportDeclaration(statement) && !ts.isExportDeclaration(statement)) continue
    const module = statement.moduleSpecifier
    if (module === undefined) continue
    const lines = linesFor(
      program.getTypeChecker(),
      statement,
      module as ts.StringLiteral,
      specifierOf,
    )
    text = text.slice(0, statement.getStart()) + lines + text.slice(statement.end)
  }
  return { text, needs }
}

type ImportOrExport = ts.ImportDeclaration | ts.ExportDeclaration

/** A declaration as it is written in the package: one line for each file that has names of it. */
function linesFor(
  checker: ts.TypeChecker,
  statement: ImportOrExport,
  module: ts.StringLiteral,
  specifierOf: (path: string) => string,
): string {
  const { text: target } = module
  if (target.startsWith('node:')) return statement.getText()
  if (!target.startsWith('.') && !target.startsWith('#')) {
    throw new Error(`The client may not stand on the package ${target}`)
  }
  const names = namesIn(statement)
  if (names === undefined) {
    const path = checker.getSymbolAtLocation(module)?.declarations?.[0].getSourceFile().fileName
    return statement.getText().replace(module.getText(), `'${specifierOf(path ?? target)}'`)
  }
  const isType = isTypeOnly(statement)
  const byFile = new Map<string, string[]>()
  for (const name of names) {
    const { path, as } = origin(checker, name)
    const alias = name.name.text === as ? as : `${as} as ${name.name.text}`
    const word = !isType && name.isTypeOnly ? `type ${alias}` : alias
    byFile.set(path, [...(byFile.get(path) ?? []), word])
  }
  const verb = ts.isImportDeclaration(statement) ? 'import' : 'export'
  const start = isType ? `${verb} type` : verb
  return [...byFile]
    .map(([path, words]) => `${start} { ${words.join(', ')} } from '${specifierOf(path)}'`)
    .join('\n')
}

type Named = ts.ImportSpecifier | ts.ExportSpecifier

function namesIn(statement: ImportOrExport): readonly Named[] | undefined {
  const bindings = ts.isImportDeclaration(statement)
    ? statement.importClause?.namedBindings
    : statement.exportClause
  if (bindings === undefined) return undefined
  return ts.isNamedImports(bindings) || ts.isNamedExports(bindings)
    ? [...bindings.elements]
    : undefined
}

const isTypeOnly = (statement: ImportOrExport): boolean =>
  ts.isImportDeclaration(statement)
    ? statement.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword
    : statement.isTypeOnly

/** The file that declares a name, and what it is called there. */
function origin(
  checker: ts.TypeChecker,
  specifier: Named,
): { readonly path: string; readonly as: string } {
  const symbol = checker.getSymbolAtLocation(specifier.name)
  const declared = symbol === undefined ? undefined : checker.getAliasedSymbol(symbol)
  const path = declared?.declarations?.[0]?.getSourceFile().fileName
  if (declared === undefined || path?.startsWith(join(root, 'src')) !== true) {
    throw new Error(`Nobody declares ${specifier.name.text}`)
  }
  return { path, as: declared.name }
}

function emit(sources: ReadonlyMap<string, string>, options: ts.CompilerOptions): void {
  const host = ts.createCompilerHost(options)
  const getSourceFile = host.getSourceFile.bind(host)
  host.getSourceFile = (path, about, ...rest) => {
    const text = sources.get(path)
    return text === undefined
      ? getSourceFile(path, about, ...rest)
      : ts.createSourceFile(path, text, about, true)
  }
  host.writeFile = (path, text) => {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
  }
  const program = ts.createProgram([...sources.keys()], options, host)
  const faults = [...ts.getPreEmitDiagnostics(program), ...program.emit().diagnostics]
  if (faults.length > 0) throw new Error(ts.formatDiagnostics(faults, host))
}

/** What the package says of itself: as ours, without what only the daemon needs. */
function manifest(): object {
  const own = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    readonly exports: Readonly<Record<string, Readonly<Record<string, string>>>>
  } & Readonly<Record<'name' | 'version' | 'license' | 'type', string>>
  const { name, version, license, type } = own
  const exports = Object.fromEntries(
    Object.entries(own.exports).map(([door, files]) => [
      door,
      Object.fromEntries(
        Object.entries(files).map(([kind, path]) => [kind, path.replace('./dist/', './')]),
      ),
    ]),
  )
  const description = 'A client of ETSI GS QKD 014: keys from the KME of any maker'
  const files = ['client']
  return { name, version, description, license, type, engines: { node: '>=22' }, exports, files }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const folder = resolve(process.argv[2] ?? join(root, 'dist'))
  console.log(`${folder}: ${buildClient(folder).join(', ')}`)
}
