# SPDX-License-Identifier: LGPL-2.1-or-later
# completion of bash and zsh: they ask the program for its words
bashcompdir = $(datadir)/bash-completion/completions
dist_bashcomp_DATA = completions/ctscope
zshcompdir = $(datadir)/zsh/vendor-completions
dist_zshcomp_DATA = completions/_ctscope
