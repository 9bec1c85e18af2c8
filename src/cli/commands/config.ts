/** Commands about the configuration of a site or a fibre. @module */

import type { Command } from 'commander'
import type { CheckView, ConfigurationView } from '#contract'
import { newContext, type Context } from '../context.ts'
import { EXIT } from '../exit.ts'
import { style, table } from '../output.ts'

/** What only the real world can do. */
export interface ConfigPowers {
  /** The configuration in a folder, and what is wrong with it beyond its form. */
  readonly explainConfiguration: (folder: string) => Promise<ConfigurationView>
}

export function addConfigCommands(program: Command, powers: ConfigPowers): void {
  const context = (): Context => newContext(program.opts())
  const config = program
    .command('config')
    .description('The configuration of a site or a fibre: photonward.json in its folder')
    .addHelpText('after', CONFIG_HELP)
  config
    .command('show')
    .description('The configuration as it takes effect, defaults marked')
    .action(async () => {
      const { out, folder } = context()
      out.data(await powers.explainConfiguration(folder()), configurationView)
    })
  config
    .command('check')
    .description('Whether the configuration holds: its form, and what its members say together')
    .action(async () => {
      const { out, folder } = context()
      const { file, checks } = await powers.explainConfiguration(folder())
      const good = !checks.some(({ state }) => state === 'fail')
      out.data({ file, good, checks }, () =>
        checks.length === 0
          ? `${style.green('ok')} ${file}`
          : checks.map((check) => checkLine(check, 0)).join('\n'),
      )
      if (!good) process.exitCode = EXIT.usage
    })
}

const configurationView = ({
  file,
  configuration,
  defaults,
  checks,
}: ConfigurationView): string => {
  const standard = new Set(defaults)
  const rows = membersOf(configuration, '').map(([path, value]) => {
    const isDefault = [...standard].some((one) => path === one || path.startsWith(`${one}/`))
    return [path, value, isDefault ? style.dim('default') : 'file']
  })
  const faults = checks.map((check) => checkLine(check, 0))
  return [style.dim(file), table([['MEMBER', 'VALUE', 'FROM'], ...rows]), ...faults].join('\n\n')
}

function membersOf(value: unknown, path: string): readonly (readonly [string, string])[] {
  if (typeof value !== 'object' || value === null) return [[path, JSON.stringify(value)]]
  const entries = Object.entries(value)
  if (entries.length === 0) return [[path, JSON.stringify(value)]]
  return entries.flatMap(([name, inner]) =>
    membersOf(inner, path === '' ? name : `${path}/${name}`),
  )
}

/** One line of an examination, and what to do about it below. */
export function checkLine({ check, state, says, next }: CheckView, width: number): string {
  const first = `${STATES[state]}  ${check.padEnd(width)}  ${says}`
  return next === null ? first : `${first}\n      ${style.dim('next:')} ${next}`
}

const STATES: Readonly<Record<CheckView['state'], string>> = {
  ok: style.green('ok  '),
  warn: style.yellow('warn'),
  fail: style.red('fail'),
  skip: style.dim('skip'),
}

const CONFIG_HELP = `
${style.bold('Examples')}
  photonward --site bristol/ config show           every member, from the file or by default
  photonward --site bristol/ config check          before a restart; exit status 2 if it does not hold
  photonward --site bristol/ config show --json    the same for programs
The configuration holds no secret: keys and certificates are sealed files beside it.
`
