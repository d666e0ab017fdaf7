# SPDX-License-Identifier: MIT
# Completion of vmm-system-* for bash. Everything comes from the program that is being called:
# its options from -help, and what they take from "-device help" and the like.

# Options whose argument can be "help", which lists names; and those that take a file.
_vmm_listing=' -machine -M -accel -cpu -device -object -chardev -d -trace '
_vmm_files=' -kernel -initrd -bios -dtb -option-rom -L -readconfig -pidfile '
_vmm_files+='-D -qtest-log -machine-report '

_vmm_options()
{
    "$1" -help 2>/dev/null </dev/null |
        sed -n 's/^[[:space:]]*\(--\{0,1\}[a-zA-Z][a-zA-Z0-9_-]*\).*/\1/p'
}

# The names that "OPTION help" lists: name "NAME", ... as of -device, x86 NAME as of -cpu, or
# the first word of a line.
_vmm_names()
{
    "$1" "$2" help 2>/dev/null </dev/null |
        sed -n -e 's/^[[:space:]]*name "\([^"]*\)".*/\1/p;t' -e '/:[[:space:]]*$/d' \
               -e '/^FILE/d' -e 's/^x86 //' -e 's/^[[:space:]]*\([a-zA-Z0-9][a-zA-Z0-9._+-]*\).*/\1/p'
}

# The properties that "-device NAME,help" lists, as NAME=.
_vmm_properties()
{
    "$1" "$2" "$3,help" 2>/dev/null </dev/null |
        sed -n 's/^[[:space:]]*\([a-zA-Z][a-zA-Z0-9._-]*\)=.*/\1=/p'
}

_vmm()
{
    local program=${COMP_WORDS[0]} line=${COMP_LINE:0:COMP_POINT}
    # Bash splits words at "=" and "," is no separator; take the last word by blanks.
    local word=${line##*[[:space:]]} rest previous head tail
    rest=${line%"$word"}
    rest=${rest%"${rest##*[![:space:]]}"}
    previous=${rest##*[[:space:]]}
    COMPREPLY=()

    case $_vmm_files in
    *" $previous "*)
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        return
        ;;
    esac
    case $_vmm_listing in
    *" $previous "*)
        if [[ $previous == -d && $word == *,* ]]; then
            head=${word%,*},
            mapfile -t COMPREPLY < <(compgen -P "$head" -W "$(_vmm_names "$program" -d)" \
                -- "${word##*,}")
        elif [[ $word == *,* ]]; then
            head=${word%,*},
            tail=${word##*,}
            [[ $tail == *=* ]] && return
            mapfile -t COMPREPLY < <(compgen -W "$(_vmm_properties "$program" "$previous" \
                "${word%%,*}")" -- "$tail")
            compopt -o nospace 2>/dev/null
            # What readline replaces begins after the last "=" of the word.
            [[ $head == *=* ]] && head=${head##*=}
            COMPREPLY=("${COMPREPLY[@]/#/$head}")
        else
            mapfile -t COMPREPLY < <(compgen -W "$(_vmm_names "$program" "$previous") help" \
                -- "$word")
            # A machine may be a board file.
            if [[ ${#COMPREPLY[@]} == 0 ]]; then
                compopt -o filenames 2>/dev/null
                mapfile -t COMPREPLY < <(compgen -f -- "$word")
            fi
        fi
        return
        ;;
    esac
    if [[ $word == -* || -z $word ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(_vmm_options "$program")" -- "$word")
    else
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
    fi
}

complete -F _vmm vmm vmm-system-x86_64
