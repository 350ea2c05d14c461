# SPDX-License-Identifier: MIT
# Completion of dphuge(1) for bash; it is installed as the file dphuge of bash-completion.
_dphuge() {
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]} i
	COMPREPLY=()
	if ((COMP_CWORD == 1)); then
		mapfile -t COMPREPLY < <(compgen -W "run stat check map doctor --help --version" -- "$word")
		return
	fi
	# After the first word that is not an option, or after --, come a command and its words.
	if [[ $command == run || $command == stat ]]; then
		for ((i = 2; i < COMP_CWORD; i++)); do
			case ${COMP_WORDS[i]} in
			--) _dphuge_command $((i + 1)); return ;;
			--threshold | --backend | --promote | --small | --interval | -i) ((i++)) ;;
			-*) ;;
			*) [[ $command == run ]] && { _dphuge_command "$i"; return; } ;;
			esac
		done
	fi
	case $before in
	--backend) mapfile -t COMPREPLY < <(compgen -W "auto driver thp hugetlb base" -- "$word"); return ;;
	--small) mapfile -t COMPREPLY < <(compgen -W "jemalloc huge" -- "$word"); return ;;
	--threshold) mapfile -t COMPREPLY < <(compgen -W "64K 128K 256K 1M 2M" -- "$word"); return ;;
	--promote) mapfile -t COMPREPLY < <(compgen -W "0 25 50 75 100" -- "$word"); return ;;
	--interval | -i) return ;;
	esac
	case $command in
	run)
		mapfile -t COMPREPLY < <(compgen -W "--threshold --backend --promote --small --stats --dry-run --verbose --help" -- "$word")
		[[ $word == -* ]] || mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -c -- "$word")
		;;
	stat)
		mapfile -t COMPREPLY < <(compgen -W "--interval --json --prometheus --help" -- "$word")
		[[ $word == -* ]] || _dphuge_pids
		;;
	check | map) _dphuge_pids ;;
	doctor) mapfile -t COMPREPLY < <(compgen -W "--help" -- "$word") ;;
	esac
}

# Complete a process ID.
_dphuge_pids() {
	mapfile -t COMPREPLY < <(cd /proc && compgen -W "$(echo [0-9]*)" -- "${COMP_WORDS[COMP_CWORD]}")
}

# Complete a command with its arguments, which begins at word number $1.
_dphuge_command() {
	if (($1 == COMP_CWORD)); then
		mapfile -t COMPREPLY < <(compgen -c -- "${COMP_WORDS[COMP_CWORD]}")
	elif declare -F _command_offset >/dev/null; then
		_command_offset "$1"
	else
		mapfile -t COMPREPLY < <(compgen -f -- "${COMP_WORDS[COMP_CWORD]}")
	fi
}

complete -F _dphuge dphuge
