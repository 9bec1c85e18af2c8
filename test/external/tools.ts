/**
 * Foreign programs that these tests speak through, found by PATH.
 *
 * @module
 */

import { spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** A program, or why the tests that need it are skipped. */
export type Tool = { readonly path: string } | { readonly missing: string }

/** The first program of this name on the PATH. */
export function tool(name: string, debianPackage = name): Tool {
  const path = onPath(name).at(0)
  return path === undefined ? missing(name, debianPackage) : { path }
}

/**
 * A python3 that has `requests`: the first on the PATH for which that is so, because another one
 * may stand before Debian's.
 */
export function pythonWithRequests(): Tool {
  const path = onPath('python3').find(
    (python) => spawnSync(python, ['-c', 'import requests'], { stdio: 'ignore' }).status === 0,
  )
  return path === undefined ? missing('python3 with requests', 'python3-requests') : { path }
}

/** For `test`: the reason to skip, or undefined. */
export const skipOf = (one: Tool): string | undefined =>
  'missing' in one ? one.missing : undefined

/** Where a tool lies. Only for tests that are not skipped for it. */
export function pathOf(one: Tool): string {
  if ('path' in one) return one.path
  throw new Error(one.missing)
}

function onPath(name: string): readonly string[] {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '')
  return folders.map((folder) => join(folder, name)).filter(isExecutable)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

const missing = (name: string, debianPackage: string): Tool => ({
  missing: `${name} is not on the PATH; Debian has it in the package ${debianPackage}`,
})
