# Every table of `python -m tests.disclosure.published_tool`, by sdcTable (Meindl, Statistics Austria): which cells its
# own suppression (HITAS) hides, and between what its attack finds the cells that we hide. Writes one line a cell.
suppressPackageStartupMessages({ library(sdcTable); library(data.table) })
given <- commandArgs(trailingOnly = TRUE)
problems <- jsonlite::fromJSON(given[1], simplifyVector = FALSE)
into <- file(given[2], "w")
for (each in problems) {
  places <- hier_create(root = "t", nodes = unlist(each$tree[[1]]$parts))
  for (node in each$tree[-1]) places <- hier_add(places, root = node$of, nodes = unlist(node$parts))
  marked <- !is.null(each$unmarked)
  counts <- data.table(place = names(each$counts), freq = as.numeric(unlist(each$counts)))
  dims <- list(place = places)
  if (marked) {
    counts[, mark := "yes"]
    rest <- data.table(place = names(each$unmarked), freq = as.numeric(unlist(each$unmarked)), mark = "no")
    counts <- rbind(counts, rest)
    dims$mark <- hier_create(root = "all", nodes = c("yes", "no"))
  }
  fresh <- makeProblem(data = counts, dimList = dims, freqVarInd = which(names(counts) == "freq"))
  all <- sdcProb2df(fresh, addDups = FALSE, dimCodes = "original")
  small <- primarySuppression(fresh, type = "freq", maxN = 4, allowZeros = TRUE)
  # HITAS rejects its own levels for some tables with empty cells: these have no status of its own.
  theirs <- if (any(all$freq <= 4)) tryCatch(sdcProb2df(protectTable(small, method = "HITAS", verbose = FALSE),
    addDups = FALSE, dimCodes = "original")$sdcStatus, error = function(e) rep("failed", nrow(all))) else rep("s", nrow(all))
  hidden <- if (marked) all$mark != "all" & !(all$place %in% unlist(each$shown)) else
    !(all$place %in% unlist(each$shown))
  low <- up <- rep(NA_real_, nrow(all))
  if (any(hidden)) {
    ours <- fresh
    columns <- names(dims)
    for (at in which(hidden))
      ours <- change_cellstatus(ours, specs = setNames(as.character(unlist(all[at, ..columns])), columns), rule = "u")
    found <- attack(ours)
    stopifnot(all$freq[found$id] == found$freq)
    low[found$id] <- found$low
    up[found$id] <- found$up
  }
  for (at in seq_len(nrow(all))) if (!marked || all$mark[at] == "yes") writeLines(paste(each$name, all$place[at],
    all$freq[at], theirs[at], as.integer(hidden[at]), low[at], up[at], sep = "\t"), into)
}
close(into)
