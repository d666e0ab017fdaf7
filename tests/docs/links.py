#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The pages hang together: every relative link and toctree entry of docs/ and of README.md leads
to a file, the index lists every page, and every page is valid reStructuredText (checked where
docutils is installed). Prints TAP.

usage: links.py [FOLDER]    FOLDER is the tree to check, by default the one this file is in
"""
import os
import re
import sys

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
# Folders of docs/ that the build makes.
GENERATED = ('devices/',)


def read(*path):
    with open(os.path.join(*path), encoding='utf-8') as file:
        return file.read()


def pages(tree):
    found = []
    for folder, _, files in os.walk(os.path.join(tree, 'docs')):
        found += [os.path.relpath(os.path.join(folder, name), os.path.join(tree, 'docs'))
                  for name in files if name.endswith('.rst')]
    return sorted(found)


def is_outside(target):
    return re.match(r'[a-z]+:', target) or target.startswith('#')


def link_targets(text):
    """`text <target>`_ and :doc: links, images and literal includes; literal text is no link."""
    text = re.sub(r'``.*?``', '', text, flags=re.S)
    for target in re.findall(r'`[^`<]*<([^>`]+)>`__?', text):
        yield re.sub(r'\s+', '', target)
    for target in re.findall(r':doc:`(?:[^`<]*<)?([^`>]+)>?`', text):
        yield target + '.rst'
    yield from re.findall(r'^\.\. (?:literalinclude|include|image|figure):: *(\S+)', text, re.M)


def toctree_entries(text):
    """(entry, whether it may have wildcards) of every toctree."""
    for block in re.findall(r'^\.\. toctree::\n((?:[ \t]+.*\n|\n)*)', text, re.M):
        lines = [line.strip() for line in block.splitlines()]
        for line in lines:
            if line and not line.startswith(':'):
                yield line, ':glob:' in lines


def matches(folder, pattern):
    """Pages, without .rst, that an entry with wildcards stands for."""
    names = [page[:-4] for page in folder]
    expression = re.compile(re.escape(pattern).replace(r'\*', '[^/]*') + '$')
    return [name for name in names if expression.match(name)]


def check_links(tree):
    wrong = []
    for page in pages(tree):
        place = os.path.join(tree, 'docs', os.path.dirname(page))
        for target in link_targets(read(tree, 'docs', page)):
            path = os.path.normpath(os.path.join(place, target.split('#')[0]))
            inside = os.path.relpath(path, os.path.join(tree, 'docs'))
            if not is_outside(target) and not inside.startswith(GENERATED) and \
                    not os.path.exists(path):
                wrong.append(f'docs/{page} links to {target}')
    return wrong


def check_toctrees(tree):
    wrong = []
    for page in pages(tree):
        folder = os.path.dirname(page)
        for entry, glob in toctree_entries(read(tree, 'docs', page)):
            name = os.path.normpath(os.path.join(folder, entry))
            if not name.startswith(GENERATED) and not matches(pages(tree), name) and \
                    (glob or not os.path.exists(os.path.join(tree, 'docs', name + '.rst'))):
                wrong.append(f'docs/{page}: the toctree names {entry}')
    return wrong


def check_index(tree):
    linked = set(link_targets(read(tree, 'docs', 'index.rst')))
    return [f'docs/index.rst does not link to {page}' for page in pages(tree)
            if page not in linked and page != 'index.rst']


def check_readme(tree):
    return [f'README.md links to {target}'
            for target in re.findall(r'\]\(([^)\s]+)\)', read(tree, 'README.md'))
            if not is_outside(target) and not os.path.exists(os.path.join(tree, target))]


def source_text(tree):
    text = []
    for folder, dirs, files in os.walk(tree):
        dirs[:] = [d for d in dirs if not re.match(r'(build.*|\.git|docs)$', d)]
        text += [read(folder, name) for name in files if name.endswith(('.c', '.h', '.S'))]
    return '\n'.join(text)


def source_names(tree):
    names = set()
    for folder, dirs, files in os.walk(tree):
        dirs[:] = [d for d in dirs if not re.match(r'(build.*|\.git)$', d)]
        for name in files:
            path = os.path.relpath(os.path.join(folder, name), tree).split(os.sep)
            names |= {'/'.join(path[at:]) for at in range(len(path))}
    return names


def check_functions(tree):
    """What is written as ``name()`` is a function, or a member that is one."""
    known = set(re.findall(r'\b([a-z_]\w*)\)?\(', source_text(tree)))
    return [f'docs/{page} names {name}()' for page in pages(tree) if page.startswith('internals/')
            for name in re.findall(r'``([a-z_]\w*)\(\)``', read(tree, 'docs', page))
            if name not in known]


def check_files(tree):
    """What is written as ``folder/file.c`` is a file; the folders may be left out."""
    known = source_names(tree)
    return [f'docs/{page} names {name}' for page in pages(tree)
            for name in re.findall(r'``([\w/.-]+\.(?:c|h|S|dts|rst|py|build))``',
                                   read(tree, 'docs', page))
            if name not in known and not re.search(r'NAME|^build/', name)]


def check_examples(tree):
    """The code of an example that a page shows is the file that the tests build."""
    page = read(tree, 'docs', 'internals', 'devices.rst')
    code = read(tree, 'docs', 'internals', 'examples', 'blinker.c')
    shown = ''.join(f'    {line}\n' if line else '\n' for line in code.splitlines())
    return [] if shown in page else ['docs/internals/devices.rst does not show examples/blinker.c '
                                     'as it is']


def check_markup(tree):
    from docutils import core, nodes, utils
    from docutils.parsers.rst import Directive, directives, roles

    class Known(Directive):
        """What belongs to Sphinx is taken as it is."""
        has_content = True
        option_spec = {name: directives.unchanged for name in
                       ('glob', 'caption', 'hidden', 'maxdepth', 'language', 'lines')}
        optional_arguments = 1

        def run(self):
            return []

    for name in ('toctree', 'literalinclude'):
        directives.register_directive(name, Known)
    roles.register_generic_role('doc', nodes.literal)
    wrong = []
    for page in pages(tree):
        path = os.path.join(tree, 'docs', page)
        try:
            core.publish_doctree(read(path), source_path=path, settings_overrides={
                'halt_level': utils.Reporter.WARNING_LEVEL, 'report_level': 5,
                'warning_stream': False})
        except utils.SystemMessage as message:
            wrong.append(str(message))
    return wrong


CASES = [
    ('every relative link of docs/ leads to a file', check_links),
    ('every toctree entry is a page', check_toctrees),
    ('the index links to every page', check_index),
    ('every link of the README leads to a file', check_readme),
    ('every function that the pages name is there', check_functions),
    ('every source file that the pages name is there', check_files),
    ('the example that a page shows is the one that is built', check_examples),
    ('every page is valid reStructuredText', check_markup),
]


def main():
    tree = sys.argv[1] if len(sys.argv) > 1 else SOURCE
    failed = False
    print(f'1..{len(CASES)}')
    for number, (name, check) in enumerate(CASES, 1):
        try:
            wrong = check(tree)
        except ImportError:
            print(f'ok {number} - {name} # SKIP docutils is not installed')
            continue
        for line in wrong:
            print('# ' + line.replace('\n', '\n# '))
        failed = failed or bool(wrong)
        print(f'{"not ok" if wrong else "ok"} {number} - {name}')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
